/* Connections that each ask once, and are silent then: how a server holds them is seen from outside meanwhile. */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bodies.h"

typedef struct idle_result {
    size_t open_at_end;
    size_t closed_by_server;
} idle_result;

/* Connects all, a few hundred at a time; each sends the first request and reads its reply, which must be 200. Then calls
 * started(), and waits for a line or the end of stdin, at most for duration_ns. False with a line on stderr when a
 * connection fails before its reply. */
bool idle_run(const connection_target *target, const request_body *request, size_t connections,
              int64_t duration_ns, void (*started)(void), idle_result *result);

#endif
