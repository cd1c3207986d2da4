/* A server that only reads what comes and throws it away: what the same clients cost a machine whoever they talk to. */
#ifndef BENCH_SINK_H
#define BENCH_SINK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Listens, calls started(), and goes on for duration_ns. False with a line on stderr when it cannot. */
bool sink_run(const struct sockaddr_in *address, int64_t duration_ns, void (*started)(void));

#endif
