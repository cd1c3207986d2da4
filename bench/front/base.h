/* Arguments, the listening socket and the two replies of a probe, a small server on one HTTP library. A probe answers
 * GET /health/live and POST /api/v1/embed with fixed bytes from one thread, so that bench/front/run.py can measure the
 * library alone beside the server. */
#ifndef BENCH_BASE_H
#define BENCH_BASE_H

#include <stddef.h>

#define BASE_HEALTH "{\"status\":\"alive\"}"

typedef struct base {
    int listening;      /* on 127.0.0.1, not blocking */
    unsigned timeout_s; /* of a connection that is silent or late with its head */
    char *reply;        /* of POST /api/v1/embed: the bytes of REPLY */
    size_t reply_bytes;
    const char *certificate, *key; /* PEM files; NULL: no TLS */
} base;

/* Reads "PORT REPLY TIMEOUT_S [CERTIFICATE KEY]", listens, and says so on stdout as the server does. Raises the limit of
 * descriptors. Exits with a line on stderr where it cannot. */
base base_start(int argc, char **argv);

/* The file's bytes with a NUL behind them, owned by the caller. Exits likewise. */
char *base_read(const char *path, size_t *bytes);

#endif
