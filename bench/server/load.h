/* Sends requests over many connections from one thread, and measures the replies.
 *
 * Open loop: request i is due at start + i / rate, whatever became of the ones before; its latency counts from then, also
 * when it left late because no connection was free (no coordinated omission). Closed loop: a connection asks again as
 * soon as it has its reply; for throughput. Burst: that many clients connect at once and ask once; their latency counts
 * from the start, connecting included.
 *
 * What is due in the warm-up is not in the figures. After the last request the replies under way are waited for. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bodies.h"
#include "histogram.h"

typedef enum { LOAD_CLOSED, LOAD_OPEN, LOAD_BURST } load_mode;

typedef struct load_options {
    load_mode mode;
    size_t connections;
    double rate; /* requests per second, of the open loop */
    int64_t warmup_ns;
    int64_t duration_ns; /* after the warm-up */
    int64_t drain_ns;    /* how long to wait for what is under way at the end */
    connection_target target;
    pid_t server; /* whose CPU time and memory are read; 0: none */
} load_options;

enum { LOAD_STATUSES = 600 };

typedef struct process_use {
    int64_t at_ns; /* when it was read: later than asked for, when the generator had to wait for a CPU */
    double cpu_seconds;
    uint64_t resident_bytes;
} process_use;

typedef struct load_result {
    /* Of the requests due in the measured time. */
    uint64_t statuses[LOAD_STATUSES];
    histogram ok;        /* latencies of replies 200 */
    histogram refused;   /* of all others */
    histogram late;      /* from when each was due until it was sent: the generator, or no connection free */
    uint64_t broken;     /* connections that broke with a request under way */
    uint64_t unanswered; /* at the end of the drain */
    uint64_t unsent;     /* due, but no connection was free until the end of the drain */
    /* Of the replies 200, each by the share of its time from sending to reply that lies in the measured time: large
     * requests would else make the rate jump by whole ones. */
    double completed_requests, completed_texts, completed_tokens;
    /* Of all replies. */
    uint64_t wrong_replies;  /* 200 without the right number of vectors */
    uint64_t compared;       /* replies whose vectors were compared with the idle server's */
    uint64_t wrong_vectors;  /* of these, those that differed in any bit */
    uint64_t no_retry_after; /* 429 and 503 without the header */
    uint64_t reopened;       /* connections that the server closed, or that broke */
    double measured_seconds;
    process_use client_begin, client_end, server_begin, server_end;
} load_result;

/* False with a line on stderr when the machine cannot do it (descriptors, memory, no server). */
bool load_run(const load_options *options, const bodies *b, load_result *result);

#endif
