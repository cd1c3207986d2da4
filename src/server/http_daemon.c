#include "server/http_daemon.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/thread_slice.h"
#include "server/client.h"
#include "server/exchange.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The HTTP library keeps line, headers and a piece of the body in one block per connection; a request whose headers
 * do not fit it gets the library's own reply. Some times our limit, so that most of those get ours. No more: the library clears
 * the whole block at each request, so that all of it is resident from the second one on, on every kept connection. The rest makes
 * it a mapping of its own, which goes back to the system with the connection; up to 32 KiB are taken from the heap. */
#define CONNECTION_BLOCKS 3
#define CONNECTION_REST_BYTES ((size_t)4 << 10)
#define CONNECTION_FLOOR_BYTES ((size_t)32 << 10)
/* The shortest that the system gives: what these threads do at a time is shorter still. */
#define HTTP_SLICE_NS (NS_PER_MS / 10)
/* The watch ends idle connections without losing a request that comes at that moment; the library, which might, comes after. */
#define SILENCE_GRACE_S 5U

static void on_library_message(void *cookie, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static void on_library_message(void *cookie, const char *format, va_list arguments)
{
    const server *s = cookie;
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_write(&s->settings.log, AKI_LOG_DEBUG, "http", "%s", line);
}

/* Paths are compared as they were sent: none of ours needs an escape. */
static size_t leave_escaped(void *cookie, struct MHD_Connection *connection, char *text)
{
    (void)cookie;
    (void)connection;
    return strlen(text);
}

/* Only named so that the library speaks TLS: what is used is set by tls_equip before it would ask here. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *names, int names_count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithms_count,
                          gnutls_pcert_st **certificate, unsigned *certificate_count, gnutls_privkey_t *key)
{
    (void)session;
    (void)names;
    (void)names_count;
    (void)algorithms;
    (void)algorithms_count;
    (void)certificate;
    (void)certificate_count;
    (void)key;
    return -1;
}

/* Threads of the library inherit mask and slice: signals are for the program's main thread. */
aki_status http_daemon_start(struct MHD_Daemon **out, server *s, http_daemon_kind kind, aki_error *error)
{
    const server_settings *settings = &s->settings;
    const bool with_tls = kind == HTTP_DAEMON_TLS, admin = kind == HTTP_DAEMON_ADMIN;
    size_t block = settings->max_header_bytes * CONNECTION_BLOCKS;
    block = (block > CONNECTION_FLOOR_BYTES ? block : CONNECTION_FLOOR_BYTES) + CONNECTION_REST_BYTES;
    const struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)no_certificate},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem no_options[] = {{MHD_OPTION_END, 0, NULL}};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < 5; i++)
        sigdelset(&all, (const int[]){SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP}[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int64_t former_slice_ns = thread_slice_set(HTTP_SLICE_NS);
    *out = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
            MHD_USE_ERROR_LOG | (with_tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, exchange_on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_library_message, s,
        MHD_OPTION_NOTIFY_COMPLETED, exchange_on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        client_on_connection, s, MHD_OPTION_URI_LOG_CALLBACK, client_on_target, s,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, block,
        MHD_OPTION_CONNECTION_LIMIT,
        admin ? 2 * ADMIN_CONNECTIONS : settings->max_connections + SPARE_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)((settings->idle_timeout_ms + 999) / 1000) + SILENCE_GRACE_S,
        MHD_OPTION_THREAD_POOL_SIZE, admin ? 1U : settings->http_threads, MHD_OPTION_ARRAY,
        with_tls ? tls_options : no_options, MHD_OPTION_END);
    int reason = errno;
    if (former_slice_ns != 0)
        thread_slice_set(former_slice_ns);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (*out == NULL)
        return error_set_errno(error, AKI_IO_ERROR, reason, "cannot start the HTTP threads");
    return AKI_OK;
}
