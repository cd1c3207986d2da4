/* W3C Trace Context: the caller's place in a trace, read from and written as the headers traceparent and tracestate.
 *
 * Source: https://www.w3.org/TR/trace-context-2/. Reading never fails loudly: a header that is not as it should be is as
 * good as none, and then the request begins a trace of its own. */
#ifndef TELEMETRY_TRACE_CONTEXT_H
#define TELEMETRY_TRACE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_ID_BYTES 16
#define SPAN_ID_BYTES 8
#define TRACEPARENT_LENGTH 55
#define TRACESTATE_MAX_BYTES 512
#define TRACESTATE_MAX_MEMBERS 32
#define TRACE_SAMPLED 0x01
#define TRACE_RANDOM 0x02 /* the trace id was made at random */

typedef struct trace_context {
    uint8_t trace_id[TRACE_ID_BYTES];
    uint8_t span_id[SPAN_ID_BYTES]; /* of the caller */
    uint8_t flags;                  /* TRACE_SAMPLED, TRACE_RANDOM; others are dropped */
    char state[TRACESTATE_MAX_BYTES + 1];
} trace_context;

/* Fills everything but the state, which becomes empty. False when the header is absent (NULL), damaged or of the invalid
 * version ff; the context is then all zero. Blanks around it are allowed. A later version is read as far as version 00
 * goes. */
bool trace_context_parse(trace_context *context, const char *traceparent);

/* Adds the members of one tracestate header, several headers being called for in their order. A damaged list or more than
 * 32 members empties the state for good. Members that do not fit TRACESTATE_MAX_BYTES are dropped, the ones of over
 * 128 characters first. */
typedef struct tracestate_reader {
    const char *keys[TRACESTATE_MAX_MEMBERS]; /* into the headers, which must live until tracestate_finish */
    size_t key_lengths[TRACESTATE_MAX_MEMBERS], lengths[TRACESTATE_MAX_MEMBERS];
    size_t count;
    bool damaged;
} tracestate_reader;

void tracestate_begin(tracestate_reader *reader);
void tracestate_add(tracestate_reader *reader, const char *header);
void tracestate_finish(const tracestate_reader *reader, trace_context *context);

/* Version 00, lower case, NUL-terminated. */
void traceparent_write(const uint8_t trace_id[TRACE_ID_BYTES], const uint8_t span_id[SPAN_ID_BYTES],
                       uint8_t flags, char out[TRACEPARENT_LENGTH + 1]);

/* Lower-case hex of `count` bytes, NUL-terminated. */
void trace_hex(const uint8_t *bytes, size_t count, char *out);

#endif
