/* A probe of libh2o on its own event loop: bench/front/base.h. */
#include <h2o.h>
#include <h2o/http1.h>
#include <h2o/http2.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base.h"

static base probe; /* handlers have no argument of their own */
static h2o_accept_ctx_t accepting;

static int send_json(h2o_req_t *request, const char *text, size_t bytes)
{
    request->res.status = 200;
    request->res.reason = "OK";
    h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("application/json"));
    request->res.content_length = bytes;
    h2o_send_inline(request, text, bytes);
    return 0;
}

static int answer_health(h2o_handler_t *self, h2o_req_t *request)
{
    (void)self;
    return send_json(request, BASE_HEALTH, sizeof BASE_HEALTH - 1);
}

static int answer_embed(h2o_handler_t *self, h2o_req_t *request)
{
    (void)self;
    return send_json(request, probe.reply, probe.reply_bytes);
}

static void on_connection(h2o_socket_t *listener, const char *error)
{
    h2o_socket_t *accepted = error == NULL ? h2o_evloop_socket_accept(listener) : NULL;
    if (accepted != NULL)
        h2o_accept(&accepting, accepted);
}

static void add_route(h2o_hostconf_t *host, const char *path, int (*answer)(h2o_handler_t *, h2o_req_t *))
{
    h2o_handler_t *handler = h2o_create_handler(h2o_config_register_path(host, path, 0), sizeof *handler);
    handler->on_req = answer;
}

static SSL_CTX *make_tls(void)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, probe.certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, probe.key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "base_h2o: cannot use %s and %s\n", probe.certificate, probe.key);
        exit(1);
    }
    h2o_ssl_register_alpn_protocols(tls, h2o_http2_alpn_protocols);
    return tls;
}

int main(int argc, char **argv)
{
    probe = base_start(argc, argv);
    h2o_globalconf_t config;
    h2o_config_init(&config);
    config.http1.req_timeout = config.http2.idle_timeout = probe.timeout_s * UINT64_C(1000);
    h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    add_route(host, "/health/live", answer_health);
    add_route(host, "/api/v1/embed", answer_embed);
    h2o_context_t context;
    h2o_context_init(&context, h2o_evloop_create(), &config);
    accepting = (h2o_accept_ctx_t){.ctx = &context, .hosts = config.hosts};
    if (probe.certificate != NULL)
        accepting.ssl_ctx = make_tls();
    h2o_socket_t *listener =
        h2o_evloop_socket_create(context.loop, probe.listening, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_connection);
    while (h2o_evloop_run(context.loop, INT32_MAX) == 0)
        ;
    return 1;
}
