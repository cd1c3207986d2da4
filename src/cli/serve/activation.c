#include "cli/serve/activation.h"

#include "base/error.h"
#include "cli/serve/serve_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char admin_name[] = "admin";

/* The length of the first of the names with colons between them, and what follows it. */
static size_t next_name(const char **names)
{
    size_t length = strcspn(*names, ":");
    *names += length + ((*names)[length] == ':');
    return length;
}

aki_status activation_read(activation *out, const char *pid, const char *count, const char *names,
                           long own_pid, aki_error *error)
{
    *out = (activation){0};
    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != own_pid)
        return AKI_OK;
    char *end;
    long sockets = strtol(count, &end, 10);
    if (end == count || *end != '\0' || sockets < 0 || sockets > ACTIVATION_MAX) {
        aki_status status = error_set(error, AKI_INVALID_ARGUMENT, "LISTEN_FDS=%.20s: must be 0 to %d", count,
                                      ACTIVATION_MAX);
        error_hint(error, "It is set by whoever starts the program, like systemd for a socket unit.");
        return status;
    }
    for (int i = 0; i < sockets; i++) {
        const char *name = names != NULL ? names : "";
        size_t length = names != NULL ? next_name(&names) : 0;
        if (length == sizeof admin_name - 1 && memcmp(name, admin_name, length) == 0)
            out->admin[out->admin_count++] = ACTIVATION_FIRST + i;
        else
            out->clients[out->clients_count++] = ACTIVATION_FIRST + i;
    }
    return AKI_OK;
}

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
