#include "cli/stop.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/options/commands.h"
#include "cli/message.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The limit is counted in rounds, not by the clock, so that time during which the process was stopped does not count. */
#define ROUND_MS 100

struct stop {
    atomic_int signal;
    int64_t signal_ns; /* when it came; of the watching thread */
    int64_t limit_ms;  /* 0 = none */
    int exit_code_of_second;
    int signals; /* signalfd */
    int noticed; /* eventfd, readable after the first signal */
    int quit;    /* eventfd, ends the thread */
    pthread_t thread;
    bool running;
    sigset_t former_mask;
    struct sigaction former_pipe, former_size;
};

bool stop_is_repeat(int first, int64_t first_ns, int signal_number, int64_t now_ns)
{
    return signal_number == first && now_ns - first_ns < STOP_REPEAT_NS;
}

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

static void notify(int event)
{
    uint64_t one = 1;
    while (write(event, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void end_late(const stop *s)
{
    aki_error error;
    error_set(&error, AKI_INTERNAL, "the program has not ended within %lld ms of the signal; it is ended now",
              (long long)s->limit_ms);
    error_hint(&error, "A computation or a device does not come back: see /health/live and the log.");
    message_error(&error);
    _exit(EXIT_FAILED);
}

static void *watch(void *cookie)
{
    stop *s = cookie;
    struct pollfd waiting[2] = {{.fd = s->signals, .events = POLLIN}, {.fd = s->quit, .events = POLLIN}};
    int64_t left_ms = s->limit_ms;
    for (;;) {
        const bool limited = s->limit_ms > 0 && atomic_load(&s->signal) != 0;
        const int ready = poll(waiting, 2, limited ? ROUND_MS : -1);
        if (ready < 0 && errno != EINTR)
            return NULL;
        if (ready == 0 && (left_ms -= ROUND_MS) <= 0)
            end_late(s);
        if ((waiting[1].revents & POLLIN) != 0)
            return NULL;
        struct signalfd_siginfo info;
        if ((waiting[0].revents & POLLIN) == 0 || read(s->signals, &info, sizeof info) != sizeof info)
            continue;
        const int first = atomic_load(&s->signal);
        if (first != 0 && stop_is_repeat(first, s->signal_ns, (int)info.ssi_signo, clock_monotonic_ns()))
            continue;
        if (first != 0)
            _exit(s->exit_code_of_second != 0 ? s->exit_code_of_second : 128 + (int)info.ssi_signo);
        s->signal_ns = clock_monotonic_ns();
        atomic_store(&s->signal, (int)info.ssi_signo);
        notify(s->noticed);
    }
}

/* A signal that comes after the watch ended would have its default action, and kill a program that is ending as asked. */
static void discard_pending(void)
{
    const sigset_t set = stop_signals();
    const struct timespec at_once = {0};
    while (sigtimedwait(&set, NULL, &at_once) > 0 || errno == EINTR)
        ;
}

aki_status stop_open(stop **out, int exit_code_of_second, aki_error *error)
{
    return stop_open_limited(out, exit_code_of_second, 0, error);
}

aki_status stop_open_limited(stop **out, int exit_code_of_second, int64_t limit_ms, aki_error *error)
{
    *out = NULL;
    stop *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to watch for signals");
    s->exit_code_of_second = exit_code_of_second;
    s->limit_ms = limit_ms;
    const sigset_t set = stop_signals();
    pthread_sigmask(SIG_BLOCK, &set, &s->former_mask);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, &s->former_pipe);
    sigaction(SIGXFSZ, &ignore, &s->former_size);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC);
    s->noticed = eventfd(0, EFD_CLOEXEC);
    s->quit = eventfd(0, EFD_CLOEXEC);
    s->running =
        s->signals >= 0 && s->noticed >= 0 && s->quit >= 0 && pthread_create(&s->thread, NULL, watch, s) == 0;
    if (!s->running) {
        stop_close(s);
        return error_set(error, AKI_INTERNAL, "cannot watch for signals: no descriptors or threads left");
    }
    *out = s;
    return AKI_OK;
}

void stop_close(stop *s)
{
    if (s == NULL)
        return;
    if (s->running) {
        notify(s->quit);
        pthread_join(s->thread, NULL);
    }
    const int descriptors[] = {s->signals, s->noticed, s->quit};
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++)
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    sigaction(SIGPIPE, &s->former_pipe, NULL);
    sigaction(SIGXFSZ, &s->former_size, NULL);
    if (stop_signal(s) != 0)
        discard_pending();
    pthread_sigmask(SIG_SETMASK, &s->former_mask, NULL);
    mem_free(s);
}

int stop_signal(const stop *s)
{
    return atomic_load(&s->signal);
}

int stop_descriptor(const stop *s)
{
    return s->noticed;
}

int stop_wait(const stop *s)
{
    struct pollfd waiting = {.fd = s->noticed, .events = POLLIN};
    while (stop_signal(s) == 0)
        if (poll(&waiting, 1, -1) < 0 && errno != EINTR)
            break;
    return stop_signal(s);
}

bool stop_requested(void *cookie)
{
    return stop_signal(cookie) != 0;
}
