/* Clients that send a byte a second each: half of them the headers of a request, the other half its body. Or, with half_heads,
 * one in three sends half a head at once and nothing more. */
#ifndef BENCH_SLOW_H
#define BENCH_SLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection.h"

typedef struct slow_result {
    uint64_t bytes_sent;
    uint64_t closed_by_server;
    uint64_t failed; /* could not connect */
    /* that a connection was open, whether the server closed it or it was open at the end */
    int64_t longest_ns;
    size_t open_at_end;
} slow_result;

/* Connects all, calls started(), and keeps on for duration_ns; a connection that the server closes is opened again at
 * its next turn. False with a line on stderr when the machine cannot do it. */
bool slow_run(const connection_target *target, size_t connections, bool half_heads, int64_t duration_ns,
              void (*started)(void), slow_result *result);

#endif
