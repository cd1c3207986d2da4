#include "cli/serve/announce.h"

#include "cli/serve/serve_options.h"

#include <stdio.h>
#include <string.h>

#define LOG_TARGET "serve"

/* "http://127.0.0.1:8080" or "https://…", with brackets around an IPv6 address. */
static void write_url(const options *o, const server *s, char *out, size_t room)
{
    const char *host = option_text(o, OPTION_HOST);
    bool brackets = strchr(host, ':') != NULL && host[0] != '[';
    snprintf(out, room, "%s://%s%s%s:%u", option_text(o, OPTION_TLS_CERTIFICATE) != NULL ? "https" : "http",
             brackets ? "[" : "", host, brackets ? "]" : "", (unsigned)server_port(s));
}

void serve_announce_listening(const options *o, const server *s, const activation *sockets,
                              const log_sink *log)
{
    const char *path = option_text(o, OPTION_UNIX_SOCKET), *keys = option_text(o, OPTION_API_KEYS);
    char url[300];
    if (sockets->clients_count > 0) {
        log_write(log, AKI_LOG_INFO, LOG_TARGET, "listening on %zu sockets that were handed over, port %u",
                  sockets->clients_count, (unsigned)server_port(s));
    } else if (serve_options_have_address(o)) {
        write_url(o, s, url, sizeof url);
        log_write(log, AKI_LOG_INFO, LOG_TARGET, "listening on %s%s", url,
                  option_text(o, OPTION_TLS_CLIENT_CA) != NULL ? ", for clients with a certificate" : "");
    }
    if (path != NULL)
        log_write(log, AKI_LOG_INFO, LOG_TARGET, "listening on unix:%s (mode %s)", path,
                  option_text(o, OPTION_UNIX_SOCKET_MODE));
    if (server_admin_port(s) != 0)
        log_write(log, AKI_LOG_INFO, LOG_TARGET, "health, metrics and administration on port %u",
                  (unsigned)server_admin_port(s));
    if (keys != NULL)
        log_write(log, AKI_LOG_INFO, LOG_TARGET, "requests need an API key of %s", keys);
}

void serve_announce_example(const options *o, const server *s, const log_sink *log)
{
    const char *path = option_text(o, OPTION_UNIX_SOCKET);
    bool local = !serve_options_have_address(o);
    char url[300] = "http://localhost";
    if (!local)
        write_url(o, s, url, sizeof url);
    log_write(
        log, AKI_LOG_INFO, LOG_TARGET,
        "try: curl -s%s%s %s/api/v1/embed%s -H 'content-type: application/json' -d '{\"texts\":[\"hello "
        "world\"]}'",
        local ? " --unix-socket " : "", local ? path : "", url,
        option_text(o, OPTION_API_KEYS) != NULL ? " -H \"authorization: Bearer $KEY\"" : "");
}
