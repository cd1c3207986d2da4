/* Times and counts of an embedding request, noted while it is served: for its log line, its spans and the server-timing
 * header of its reply. All are zero at first; those of steps that the request does not reach stay zero. */
#ifndef SERVER_REQUEST_FACTS_H
#define SERVER_REQUEST_FACTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "scheduler/scheduler.h"
#include "telemetry/tracer.h"

#define REQUEST_FACTS_TEXT_BYTES 200

typedef struct request_facts {
    size_t texts, tokens, truncated;
    int64_t tokenize_ns, queue_ns, inference_ns; /* durations */
    scheduler_times times;
    /* By clock_monotonic_ns, of traced requests only. */
    int64_t read_ns;    /* the body was there, and its checking began */
    int64_t checked_ns; /* headers or body were found bad, or the body good */
    int64_t replied_ns; /* the reply was handed to the connection */
    /* The beginning of the first text, cut between characters, where texts may be logged; else empty. */
    char first_text[REQUEST_FACTS_TEXT_BYTES + 1];
} request_facts;

/* Takes over what the scheduler tells of a request, whether it was done or not. */
void request_facts_take(request_facts *facts, const scheduler_result *result);
/* Keeps the beginning of a text. */
void request_facts_quote(request_facts *facts, aki_text text);

/* Room for any header that request_facts_server_timing writes. */
#define SERVER_TIMING_BYTES 280

/* "queue;dur=0.412, tokenize;dur=0.050, inference;dur=6.120, total;dur=6.700", in milliseconds: the value of the header
 * server-timing (https://www.w3.org/TR/server-timing/). Of a sampled request it ends in
 * ", traceparent;desc="00-…-01"", by which a caller without a trace of its own finds this one. */
void request_facts_server_timing(const request_facts *facts, const trace_root *trace, int64_t total_ns,
                                 char out[SERVER_TIMING_BYTES]);

/* Which answered requests get a line in the access log: so many in each second, and a count of the others. Safe for several
 * threads, without a lock: at the turn of a second, and only then, the count may be off by some. */

typedef struct access_sampler {
    uint64_t per_second;
    _Atomic int64_t second;
    _Atomic uint64_t taken; /* in this second */
    _Atomic uint64_t left_out;
} access_sampler;

/* per_second 0: none at all. */
void access_sampler_init(access_sampler *s, uint64_t per_second);
/* False: no line. *left_out: how many got none since the last line. */
bool access_sampler_admit(access_sampler *s, int64_t now_ns, uint64_t *left_out);

#endif
