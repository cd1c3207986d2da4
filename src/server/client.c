#include "server/client.h"

#include "base/memory.h"

#include <string.h>
#include <sys/socket.h>

static const struct sockaddr *address_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info != NULL ? info->client_addr : NULL;
}

client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

static int64_t headers_deadline_ns(const server *s)
{
    return clock_monotonic_ns() + s->settings.header_timeout_ms * NS_PER_MS;
}

static bool is_admin(const server *s, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON);
    return info != NULL && info->daemon == s->admin_daemon && s->admin_daemon != NULL;
}

static atomic_uint *count_of(server *s, struct MHD_Connection *connection)
{
    return is_admin(s, connection) ? &s->admin_connections : &s->open_connections;
}

static client *open_client(server *s, struct MHD_Connection *connection)
{
    int descriptor = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    client *c = mem_zalloc(1, sizeof *c);
    if (c == NULL) {
        shutdown(descriptor, SHUT_RDWR);
        return NULL;
    }
    c->admin = is_admin(s, connection);
    c->watched = connection_watch_add(s->watch, descriptor,
                                      c->admin ? headers_deadline_ns(s)
                                               : arrivals_deadline_ns(s->arrivals, descriptor));
    c->counted = c->admin || address_count_add(s->addresses, address_of(connection));
    if (!c->counted) /* one of several that were accepted at once, too many together */
        shutdown(descriptor, SHUT_RDWR);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (info != NULL && info->tls_session != NULL)
        c->identity = tls_equip(s->tls, info->tls_session);
    return c;
}

void client_on_connection(void *cookie, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    server *s = cookie;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        atomic_fetch_add(count_of(s, connection), 1);
        *context = open_client(s, connection);
        /* After the increment: at every moment the connection is in one of the two counts, where a drain sees it. */
        if (!is_admin(s, connection))
            atomic_fetch_sub(&s->handed_over, 1);
        return;
    }
    client *c = *context;
    if (c != NULL) {
        connection_watch_remove(s->watch, c->watched);
        if (c->counted && !c->admin)
            address_count_remove(s->addresses, address_of(connection));
        tls_identity_release(c->identity);
        mem_free(c);
    }
    atomic_fetch_sub(count_of(s, connection), 1);
}

void *client_on_target(void *cookie, const char *target, struct MHD_Connection *connection)
{
    const server *s = cookie;
    client *c = client_of(connection);
    if (c != NULL) {
        c->target_bytes = strlen(target);
        connection_watch_set(c->watched, WATCH_HEADERS, headers_deadline_ns(s));
    }
    return NULL; /* the request's own context comes with its headers */
}
