#include "server/listening.h"

#include "server/arrival.h"
#include "server/exchange.h"
#include "http/request_id.h"
#include "api/http_error.h"
#include "server/observers.h"
#include "server/server_metrics.h"
#include "server/server_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#define LOG_TARGET "server"
#define MAX_REFUSAL_BYTES 4096
/* Descriptors beside those of connections. */
#define OTHER_DESCRIPTORS 320

static const exchange_observer logging = {.ended = request_log_end};
static const exchange_observer counting = {
    .begun = server_metrics_begin, .failed = server_metrics_failed, .ended = server_metrics_end};
static const exchange_observer tracing = {
    .begun = request_trace_begin, .replied = request_trace_replied, .ended = request_trace_end};

static const exchange_observer *const server_observers[] = {&logging, &counting, &tracing, NULL};

/* A connection is a descriptor: the soft limit is raised towards what may be open, as far as the hard one allows. */
static void raise_descriptor_limit(const server *s)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)s->settings.max_connections + ADMIN_CONNECTIONS + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_write(&s->settings.log, AKI_LOG_WARN, LOG_TARGET,
                  "at most %llu files may be open, which is less than the %u connections allowed",
                  (unsigned long long)limit.rlim_cur, s->settings.max_connections);
}

static void turn_away(void *cookie, http_refusal why, http_reply *reply)
{
    const way_in *way = cookie;
    const server_settings *settings = &way->owner->settings;
    http_error error;
    char id[REQUEST_ID_MAX + 1];
    buf body;
    if (way->admin)
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%d connections are open on the admin port, which is the limit", ADMIN_CONNECTIONS);
    else if (why == HTTP_REFUSED_ADDRESS)
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%u connections are open from your address, which is the limit",
                       settings->max_connections_per_address);
    else
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%u connections are open, which is the limit", settings->max_connections);
    if (!way->admin)
        server_metrics_connection_refused(way->owner);
    request_id_choose(NULL, id);
    buf_init(&body, MAX_REFUSAL_BYTES);
    reply->status = http_error_status(error.code);
    http_reply_add(reply, "Content-Type", "application/json");
    http_reply_add(reply, "x-request-id", id);
    http_reply_add(reply, "Retry-After", "1");
    http_reply_add(reply, "retry-after-ms", "1000");
    if (!http_error_write(&error, &body) || !http_reply_take_body(reply, &body))
        reply->fields.failed = true;
}

/* Takes over the sockets. */
static aki_status open_front(server *s, bool admin, listen_sockets *sockets, http_front **out,
                             aki_error *error)
{
    const server_settings *settings = &s->settings;
    way_in *way = admin ? &s->admin_way : &s->main_way;
    *way = (way_in){.owner = s, .admin = admin, .observers = server_observers};
    http_front_settings front = {.handler = {.turn_away = turn_away, .cookie = way},
                                 .threads = admin ? 1 : settings->http_threads,
                                 .tls = admin ? NULL : s->tls,
                                 .h2c = settings->h2c,
                                 .max_header_bytes = settings->max_header_bytes,
                                 .header_timeout_ms = settings->header_timeout_ms,
                                 .idle_timeout_ms = settings->idle_timeout_ms,
                                 .write_timeout_ms = settings->write_timeout_ms,
                                 .max_connections = admin ? ADMIN_CONNECTIONS : settings->max_connections,
                                 .max_connections_per_address =
                                     admin ? 0 : settings->max_connections_per_address,
                                 .log = settings->log};
    arrival_handle(&front.handler);
    return http_front_open(out, sockets, &front, error);
}

static aki_status open_sockets(const server *s, listen_sockets *sockets, aki_error *error)
{
    const server_settings *settings = &s->settings;
    aki_status status = AKI_OK;
    if (settings->inherited_count > 0)
        status = listen_sockets_adopt(sockets, settings->inherited, settings->inherited_count, error);
    else if (settings->host != NULL)
        status = listen_sockets_open(sockets, settings->host, settings->port, error);
    if (status == AKI_OK && settings->unix_socket != NULL)
        status = listen_sockets_add_unix(sockets, settings->unix_socket, settings->unix_socket_mode, error);
    return status;
}

static aki_status start_main(server *s, aki_error *error)
{
    listen_sockets sockets = {0};
    aki_status status = open_sockets(s, &sockets, error);
    if (status != AKI_OK)
        return status;
    s->port = sockets.port;
    raise_descriptor_limit(s);
    return open_front(s, false, &sockets, &s->front, error);
}

static aki_status start_admin(server *s, aki_error *error)
{
    const server_settings *settings = &s->settings;
    listen_sockets sockets = {0};
    aki_status status =
        settings->inherited_admin_count > 0
            ? listen_sockets_adopt(&sockets, settings->inherited_admin, settings->inherited_admin_count,
                                   error)
            : listen_sockets_open(&sockets, settings->admin_host, settings->admin_port, error);
    if (status != AKI_OK)
        return status;
    s->admin_port = sockets.port;
    return open_front(s, true, &sockets, &s->admin_front, error);
}

aki_status listening_start(server *s, aki_error *error)
{
    aki_status status = AKI_OK;
    if (s->settings.admin_host != NULL || s->settings.inherited_admin_count > 0)
        status = start_admin(s, error);
    return status == AKI_OK ? start_main(s, error) : status;
}

void listening_stop(server *s)
{
    http_front_stop_listening(s->front);
}

void listening_close(server *s)
{
    http_front_close(s->front);
    http_front_close(s->admin_front);
    s->front = s->admin_front = NULL;
}
