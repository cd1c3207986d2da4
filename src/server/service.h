/* The server's inside, shared by its files: what every request needs to see. */
#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

#include "base/clock.h"
#include "resilience/jitter.h"
#include "scheduler/scheduler.h"
#include "server/acceptor.h"
#include "server/connection_watch.h"
#include "server/server.h"
#include "server/task_pool.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

typedef enum server_phase { SERVER_LOADING, SERVER_READY, SERVER_DRAINING } server_phase;

struct server {
    server_settings settings;
    char *model_name;
    uint16_t port;
    acceptor *acceptor; /* NULL once draining */
    connection_watch *watch;
    task_pool *tasks;
    struct MHD_Daemon *daemon;
    struct MHD_Response *last_resort; /* for when not even an error reply can be built */
    int64_t started_ns;
    jitter jitter; /* of Retry-After */
    atomic_int phase;
    const encoder *enc;             /* with the scheduler: set before phase leaves SERVER_LOADING */
    _Atomic(scheduler *) scheduler; /* NULL until then */
    atomic_uint open_connections;
    atomic_size_t body_bytes;  /* buffered request bodies, all together */
    atomic_size_t reply_bytes; /* replies not yet taken by their readers, all together */

    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t requests; /* under way */
};

/* Until when the headers of a connection's next request must be there. An idle connection is closed by the idle
 * timeout before; what lives longer trickles. */
static inline int64_t server_headers_deadline_ns(const server *s)
{
    return clock_monotonic_ns() + (s->settings.idle_timeout_ms + s->settings.request_timeout_ms) * NS_PER_MS;
}

static inline server_phase server_phase_now(const server *s)
{
    return (server_phase)atomic_load(&s->phase);
}

#endif
