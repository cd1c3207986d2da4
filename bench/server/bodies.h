/* The requests that are sent, built once before the measurement. */
#ifndef BENCH_BODIES_H
#define BENCH_BODIES_H

#include <stdbool.h>
#include <stddef.h>

#include "connection.h"

typedef struct request_body {
    char *request; /* owned: head and body, ready to be sent */
    size_t request_bytes;
    size_t texts;    /* vectors that the reply must have; 0: its body is not looked at */
    char *reference; /* owned: the vectors' text as the idle server wrote it; NULL: not compared */
    size_t reference_bytes;
} request_body;

typedef struct bodies {
    request_body *items;
    size_t count;
} bodies;

/* Reads lines "TEXTS<tab>JSON"; every body goes to POST /api/v1/embed, or to `target` where that is not NULL, a route
 * of another dialect, of whose replies the status alone is looked at. Says on stderr why it is false. */
bool bodies_read(bodies *b, const char *path, const char *target);

/* The request of `path` by GET, whose reply has no vectors. Says on stderr why it is false. */
bool bodies_get(bodies *b, const char *path);

/* Asks the server for the first `count` bodies, one after the other, and keeps the vectors. Says on stderr why it is
 * false. */
bool bodies_ask_references(bodies *b, size_t count, const connection_target *target);

void bodies_destroy(bodies *b);

#endif
