#include "server/listening.h"

#include "server/http_daemon.h"
#include "server/request_id.h"
#include "api/http_error.h"
#include "server/server_metrics.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOG_TARGET "server"

/* A connection is a descriptor: the soft limit is raised towards what may be open, as far as the hard one allows. */
static void raise_descriptor_limit(const server *s)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)s->settings.max_connections + SPARE_CONNECTIONS + ADMIN_CONNECTIONS + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_write(&s->settings.log, AKI_LOG_WARN, LOG_TARGET,
                  "at most %llu files may be open, which is less than the %u connections allowed",
                  (unsigned long long)limit.rlim_cur, s->settings.max_connections);
}

static void take_connection(void *cookie, int descriptor, const struct sockaddr *address, socklen_t length)
{
    server *s = cookie;
    struct MHD_Daemon *daemon = address->sa_family == AF_UNIX ? s->local_daemon : s->daemon;
    atomic_fetch_add(&s->handed_over, 1);
    if (MHD_add_connection(daemon, descriptor, address, length) != MHD_YES) /* it was closed */
        atomic_fetch_sub(&s->handed_over, 1);
}

static void take_admin_connection(void *cookie, int descriptor, const struct sockaddr *address,
                                  socklen_t length)
{
    const server *s = cookie;
    MHD_add_connection(s->admin_daemon, descriptor, address, length);
}

static void write_refusal(const http_error *error, buf *reply)
{
    char id[REQUEST_ID_MAX + 1];
    request_id_choose(NULL, id);
    buf body;
    buf_init(&body, reply->max_bytes);
    http_error_write(error, &body);
    buf_printf(reply,
               "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nx-request-id: %s\r\n"
               "Retry-After: 1\r\nretry-after-ms: 1000\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
               id, body.length);
    buf_append(reply, body.data, body.length);
    buf_free(&body);
}

static bool room_for_connection(void *cookie, const struct sockaddr *address, buf *refusal)
{
    const server *s = cookie;
    http_error error;
    if (atomic_load(&s->open_connections) >= s->settings.max_connections)
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%u connections are open, which is the limit", s->settings.max_connections);
    else if (!address_count_has_room(s->addresses, address))
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%u connections are open from your address, which is the limit",
                       s->settings.max_connections_per_address);
    else
        return true;
    server_metrics_connection_refused(s);
    if (s->tls == NULL || address->sa_family == AF_UNIX)
        write_refusal(&error, refusal);
    return false;
}

static bool room_for_admin_connection(void *cookie, const struct sockaddr *address, buf *refusal)
{
    (void)address;
    const server *s = cookie;
    http_error error;
    if (atomic_load(&s->admin_connections) < ADMIN_CONNECTIONS)
        return true;
    http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                   "%d connections are open on the admin port, which is the limit", ADMIN_CONNECTIONS);
    write_refusal(&error, refusal);
    return false;
}

/* A unix socket is the machine's own: it is not spoken TLS over. */
static aki_status start_daemons(server *s, bool local, aki_error *error)
{
    aki_status status = AKI_OK;
    if (s->settings.host != NULL || s->tls == NULL)
        status =
            http_daemon_start(&s->daemon, s, s->tls != NULL ? HTTP_DAEMON_TLS : HTTP_DAEMON_PLAIN, error);
    if (status == AKI_OK && local && s->tls != NULL)
        status = http_daemon_start(&s->own_local_daemon, s, HTTP_DAEMON_PLAIN, error);
    s->local_daemon = s->own_local_daemon != NULL ? s->own_local_daemon : s->daemon;
    return status;
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

static aki_status open_arrivals(server *s, aki_error *error)
{
    const arrivals_settings settings = {.take = take_connection,
                                        .cookie = s,
                                        .timeout_ms = s->settings.header_timeout_ms,
                                        .addresses = s->addresses,
                                        .open = &s->open_connections};
    return arrivals_open(&s->arrivals, &settings, error);
}

static aki_status start_main(server *s, aki_error *error)
{
    listen_sockets sockets = {0};
    aki_status status = open_sockets(s, &sockets, error);
    if (status != AKI_OK)
        return status;
    s->port = sockets.port;
    raise_descriptor_limit(s);
    status = open_arrivals(s, error);
    if (status == AKI_OK)
        status = start_daemons(s, listen_sockets_have_unix(&sockets), error);
    if (status != AKI_OK) {
        listen_sockets_close(&sockets);
        return status;
    }
    const acceptor_settings accepting = {
        .arrivals = s->arrivals, .has_room = room_for_connection, .cookie = s, .log = s->settings.log};
    return acceptor_open(&s->acceptor, &sockets, &accepting, error);
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
    status = http_daemon_start(&s->admin_daemon, s, HTTP_DAEMON_ADMIN, error);
    if (status != AKI_OK) {
        listen_sockets_close(&sockets);
        return status;
    }
    const acceptor_settings accepting = {.take = take_admin_connection,
                                         .has_room = room_for_admin_connection,
                                         .cookie = s,
                                         .log = settings->log};
    return acceptor_open(&s->admin_acceptor, &sockets, &accepting, error);
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
    acceptor_close(s->acceptor);
    s->acceptor = NULL;
}

void listening_close(server *s)
{
    listening_stop(s);
    acceptor_close(s->admin_acceptor);
    struct MHD_Daemon *daemons[] = {s->daemon, s->own_local_daemon, s->admin_daemon};
    for (size_t i = 0; i < sizeof daemons / sizeof daemons[0]; i++)
        if (daemons[i] != NULL)
            MHD_stop_daemon(daemons[i]);
    arrivals_close(s->arrivals);
}
