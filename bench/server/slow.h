/* Clients that send a byte a second each: half of them the headers of a request, the other half its body. */
#ifndef BENCH_SLOW_H
#define BENCH_SLOW_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slow_result {
    uint64_t bytes_sent;
    uint64_t closed_by_server;
    uint64_t failed; /* could not connect */
    size_t open_at_end;
} slow_result;

/* Connects all, calls started(), and keeps on for duration_ns; a connection that the server closes is opened again at
 * its next turn. False with a line on stderr when the machine cannot do it. */
bool slow_run(const struct sockaddr_in *address, size_t connections, int64_t duration_ns,
              void (*started)(void), slow_result *result);

#endif
