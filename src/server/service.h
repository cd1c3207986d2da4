/* The server's inside, shared by its files: what every request needs to see. */
#ifndef SERVER_SERVICE_H
#define SERVER_SERVICE_H

#include "api/api.h"
#include "base/clock.h"
#include "engine/crew.h"
#include "http/api_keys.h"
#include "http/front.h"
#include "resilience/jitter.h"
#include "scheduler/scheduler.h"
#include "server/request_facts.h"
#include "server/settings.h"
#include "server/task_pool.h"
#include "serving/model_set.h"
#include "serving/model_totals.h"
#include "serving/served_model.h"
#include "serving/watchdog.h"
#include "telemetry/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct server server;

/* On the admin port. */
#define ADMIN_CONNECTIONS 64

/* While draining requests are still served, each by the last reply on its connection. */
typedef enum server_phase { SERVER_LOADING, SERVER_READY, SERVER_DRAINING } server_phase;

/* A way in to the service, given to the handlers of its http_front as their cookie. */
typedef struct way_in {
    server *owner;
    bool admin;
    const struct exchange_observer *const *observers; /* of its exchanges, the last NULL; NULL = none */
} way_in;

struct server {
    server_settings settings;
    metrics *metrics;
    model_set *models;
    crew *crew;           /* computes for all models; NULL until the first is opened. Written under `lock` */
    model_totals retired; /* of models that were unloaded; under the lock of `models` */
    uint16_t port;
    task_pool *tasks;
    watchdog *watchdog;
    tls *tls;            /* NULL: plain HTTP */
    api_keys *keys;      /* NULL: everybody may use the service */
    cl100k *foreign_ids; /* NULL: OpenAI's dialect takes no ids of that vocabulary */
    way_in main_way, admin_way;
    http_front *front;       /* TCP, with TLS where that is used, and the unix socket */
    http_front *admin_front; /* the admin port; NULL: there is none */
    uint16_t admin_port;
    int64_t started_ns;
    int64_t started_s; /* Unix time */
    jitter jitter;     /* of Retry-After */
    access_sampler access;
    atomic_int phase;
    atomic_bool opened;           /* the phase has left SERVER_LOADING for SERVER_READY */
    bool stopped;                 /* server_stop was called */
    atomic_size_t body_bytes;     /* buffered request bodies, all together */
    atomic_size_t promised_bytes; /* memory that requests under way may take: memory_promise.h */
    atomic_size_t reply_bytes;    /* replies not yet taken by their readers, all together */

    struct message_stream *streams; /* that are open; of message_stream.c */
    pthread_mutex_t streams_lock;
    atomic_bool was_ready; /* at the watchdog's last round */
    atomic_bool ending;    /* the service listens no more, and its streams end */
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t requests; /* under way */
};

/* The state of a server as health tells it, for api_service. */
bool service_is_live(const void *s);
bool service_is_ready(const void *s);

static inline server_phase server_phase_now(const server *s)
{
    return (server_phase)atomic_load(&s->phase);
}

#endif
