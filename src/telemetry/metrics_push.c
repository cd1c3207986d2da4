#include "telemetry/metrics_push.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "telemetry/otlp_message.h"
#include "telemetry/otlp_encode.h"

#include <errno.h>
#include <stdatomic.h>
#include <semaphore.h>
#include <time.h>

struct metrics_push {
    metrics_push_settings settings;
    otlp_sender *sender;
    buf message;
    int64_t start_ns; /* wall clock */
    pthread_t thread;
    bool started;
    sem_t end;
    _Atomic int64_t end_deadline_ns;
};

static void push(metrics_push *p, int64_t deadline_ns)
{
    size_t points, rejected;
    buf_clear(&p->message);
    if (otlp_metrics_encode(p->settings.registry, p->settings.from, p->start_ns, clock_wall_ns(), &p->message,
                            &points))
        (void)otlp_sender_send(p->sender, &p->message, points, deadline_ns, &rejected);
}

/* False once the end has come. */
static bool wait_until(metrics_push *p, int64_t until_ns)
{
    const struct timespec deadline = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    while (sem_clockwait(&p->end, CLOCK_MONOTONIC, &deadline) != 0)
        if (errno == ETIMEDOUT)
            return true;
    return false;
}

static void *run(void *argument)
{
    metrics_push *p = argument;
    thread_defer();
    const int64_t interval_ns = p->settings.interval_ms * NS_PER_MS;
    while (wait_until(p, clock_monotonic_ns() + interval_ns))
        push(p, clock_monotonic_ns() + p->settings.timeout_ms * NS_PER_MS);
    push(p, atomic_load(&p->end_deadline_ns));
    return NULL;
}

aki_status metrics_push_open(metrics_push **out, const metrics_push_settings *settings, aki_error *error)
{
    *out = NULL;
    metrics_push *p = mem_zalloc(1, sizeof *p);
    if (p == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for exporting metrics");
    p->settings = *settings;
    p->settings.sender.noun = "data points";
    p->start_ns = clock_wall_ns();
    sem_init(&p->end, 0, 0);
    buf_init(&p->message, OTLP_MESSAGE_MAX_BYTES);
    aki_status status = otlp_sender_open(&p->sender, &p->settings.sender, error);
    if (status == AKI_OK) {
        p->started = thread_start(&p->thread, run, p, "metrics-export");
        if (!p->started)
            status =
                error_set_errno(error, AKI_INTERNAL, errno, "cannot start the thread that exports metrics");
    }
    if (status != AKI_OK) {
        metrics_push_close(p, 0);
        return status;
    }
    *out = p;
    return AKI_OK;
}

void metrics_push_close(metrics_push *p, int64_t flush_ms)
{
    if (p == NULL)
        return;
    if (p->started) {
        const int64_t deadline_ns = clock_monotonic_ns() + flush_ms * NS_PER_MS;
        atomic_store(&p->end_deadline_ns, deadline_ns);
        otlp_sender_hurry(p->sender, deadline_ns);
        sem_post(&p->end);
        pthread_join(p->thread, NULL);
    }
    otlp_sender_close(p->sender);
    buf_free(&p->message);
    sem_destroy(&p->end);
    mem_free(p);
}
