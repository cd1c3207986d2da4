/* Reads what the load generator needs of a reply, without a JSON parser: the generator shares its cores with the server
 * that it measures. Knows the server's replies only: Content-Length, and "embeddings" as the first key. */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct reply_head {
    int status;
    bool retry_after; /* has the header Retry-After */
    bool closes;      /* Connection: close */
    size_t head_bytes;
    size_t body_bytes;
} reply_head;

typedef struct reply_vectors {
    const char *text; /* in the body: all that stands within "embeddings":[ ] */
    size_t text_bytes;
    size_t count;
    uint64_t tokens; /* usage.total_tokens */
} reply_vectors;

typedef enum { REPLY_INCOMPLETE, REPLY_PARSED, REPLY_MALFORMED } reply_parsed;

/* data: what has arrived, not terminated. */
reply_parsed reply_parse_head(const char *data, size_t bytes, reply_head *head);

/* false when the body is not a reply with vectors. */
bool reply_find_vectors(const char *body, size_t bytes, reply_vectors *vectors);

#endif
