/* A probe of libmicrohttpd with epoll in a thread of its own: bench/front/base.h. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"

enum { CONNECTIONS = 15000 };

static enum MHD_Result send_json(struct MHD_Connection *connection, unsigned status, const char *text,
                                 size_t bytes)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes, (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

/* Called once for the head, then for pieces of the body, then with none: the reply goes out behind the body. */
static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body, size_t *body_bytes,
                              void **state)
{
    const base *probe = context;
    (void)version, (void)body;
    if (*state == NULL) {
        *state = context;
        return MHD_YES;
    }
    if (*body_bytes > 0) {
        *body_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(path, "/health/live") == 0)
        return send_json(connection, 200, BASE_HEALTH, sizeof BASE_HEALTH - 1);
    if (strcmp(path, "/api/v1/embed") == 0 && strcmp(method, "POST") == 0)
        return send_json(connection, 200, probe->reply, probe->reply_bytes);
    return send_json(connection, 404, "{}", 2);
}

int main(int argc, char **argv)
{
    base probe = base_start(argc, argv);
    size_t bytes;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}, {MHD_OPTION_END, 0, NULL}};
    if (probe.certificate != NULL) {
        flags |= MHD_USE_TLS;
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, base_read(probe.certificate, &bytes)};
        tls[1] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, base_read(probe.key, &bytes)};
    }
    struct MHD_Daemon *daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, answer, &probe, MHD_OPTION_LISTEN_SOCKET, probe.listening,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, probe.timeout_s,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (daemon == NULL) {
        fprintf(stderr, "base_microhttpd: cannot start\n");
        return 1;
    }
    for (;;)
        pause();
}
