#include "server/acceptor.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOG_TARGET "server"
#define MAX_REFUSAL_BYTES 4096
/* While the process has no descriptors left, accepting would only spin. */
#define OUT_OF_DESCRIPTORS_PAUSE_MS 100

struct acceptor {
    acceptor_settings settings;
    listen_sockets sockets;
    int wake; /* eventfd: readable = stop */
    pthread_t thread;
    bool started;
};

/* What a refused client has sent so far is read away: closing a socket with unread bytes would make the system reset
 * the connection, and the reply would be lost with it. */
static void turn_away(int descriptor, const buf *reply)
{
    char unread[4096];
    ssize_t sent = 0;
    if (!reply->failed && reply->length > 0)
        sent = send(descriptor, reply->data, reply->length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0 && shutdown(descriptor, SHUT_WR) == 0)
        while (recv(descriptor, unread, sizeof unread, MSG_DONTWAIT) > 0)
            ;
    close(descriptor);
}

static void let_in(const acceptor *a, int descriptor, const struct sockaddr *address, socklen_t length)
{
    if (a->settings.arrivals != NULL)
        arrivals_add(a->settings.arrivals, descriptor, address, length);
    else
        a->settings.take(a->settings.cookie, descriptor, address, length);
}

/* False when descriptors ran out. */
static bool accept_all(acceptor *a, int listening)
{
    for (;;) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        int descriptor =
            accept4(listening, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (descriptor < 0) {
            bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
            if (exhausted)
                log_write(&a->settings.log, AKI_LOG_WARN, LOG_TARGET,
                          "cannot accept a connection: %s; raise the limit of open files (ulimit -n)",
                          strerrordesc_np(errno));
            return !exhausted;
        }
        buf refusal;
        buf_init(&refusal, MAX_REFUSAL_BYTES);
        if (a->settings.has_room(a->settings.cookie, (struct sockaddr *)&address, &refusal))
            let_in(a, descriptor, (struct sockaddr *)&address, length);
        else
            turn_away(descriptor, &refusal);
        buf_free(&refusal);
    }
}

enum { WAKE, ARRIVALS, FIRST_SOCKET };

static void *run(void *argument)
{
    acceptor *a = argument;
    arrivals *waiting = a->settings.arrivals;
    struct pollfd watched[FIRST_SOCKET + sizeof a->sockets.descriptors / sizeof a->sockets.descriptors[0]];
    watched[WAKE] = (struct pollfd){.fd = a->wake, .events = POLLIN};
    watched[ARRIVALS] =
        (struct pollfd){.fd = waiting != NULL ? arrivals_descriptor(waiting) : -1, .events = POLLIN};
    for (size_t i = 0; i < a->sockets.count; i++)
        watched[FIRST_SOCKET + i] = (struct pollfd){.fd = a->sockets.descriptors[i], .events = POLLIN};
    bool exhausted = false;
    for (;;) {
        int wait_ms = waiting != NULL ? arrivals_turn(waiting) : -1;
        if (exhausted && (wait_ms < 0 || wait_ms > OUT_OF_DESCRIPTORS_PAUSE_MS))
            wait_ms = OUT_OF_DESCRIPTORS_PAUSE_MS;
        nfds_t count = exhausted ? FIRST_SOCKET : FIRST_SOCKET + a->sockets.count;
        if (poll(watched, count, wait_ms) < 0 && errno != EINTR)
            break;
        if (watched[WAKE].revents != 0)
            break;
        bool fine = true;
        for (size_t i = 0; i < a->sockets.count; i++)
            if (exhausted || watched[FIRST_SOCKET + i].revents != 0)
                fine = accept_all(a, a->sockets.descriptors[i]) && fine;
        exhausted = !fine;
    }
    listen_sockets_refuse_new(&a->sockets);
    for (size_t i = 0; i < a->sockets.count; i++)
        (void)accept_all(a, a->sockets.descriptors[i]);
    if (waiting != NULL)
        arrivals_hand_over_all(waiting);
    return NULL;
}

aki_status acceptor_open(acceptor **out, listen_sockets *sockets, const acceptor_settings *settings,
                         aki_error *error)
{
    *out = NULL;
    acceptor *a = mem_zalloc(1, sizeof *a);
    if (a == NULL) {
        listen_sockets_close(sockets);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to accept connections");
    }
    a->settings = *settings;
    a->sockets = *sockets;
    *sockets = (listen_sockets){0};
    aki_status status = AKI_OK;
    a->wake = eventfd(0, EFD_CLOEXEC);
    if (a->wake < 0)
        status = error_set_errno(error, AKI_IO_ERROR, errno, "cannot create an event descriptor");
    if (status == AKI_OK) {
        a->started = thread_start(&a->thread, run, a, "aki-accept");
        if (!a->started)
            status = error_set_errno(error, AKI_OUT_OF_MEMORY, errno, "cannot start the accepting thread");
    }
    if (status != AKI_OK) {
        acceptor_close(a);
        return status;
    }
    *out = a;
    return AKI_OK;
}

void acceptor_close(acceptor *a)
{
    if (a == NULL)
        return;
    if (a->started && eventfd_write(a->wake, 1) == 0)
        pthread_join(a->thread, NULL);
    if (a->wake >= 0)
        close(a->wake);
    listen_sockets_close(&a->sockets);
    mem_free(a);
}
