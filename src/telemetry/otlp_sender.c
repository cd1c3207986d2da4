#include "telemetry/otlp_sender.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "resilience/jitter.h"
#include "telemetry/otlp_message.h"

#include <pthread.h>
#include <time.h>

#define LOG_TARGET "telemetry"
#define REMINDER_NS (300 * NS_PER_S) /* between two lines about the same trouble */

struct otlp_sender {
    otlp_sender_settings settings;
    otlp_client *client;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on the monotonic clock */
    bool hurried;           /* the lock's */
    /* the sending thread's */
    buf body;
    jitter spread;
    int64_t not_before_ns; /* the collector asked for quiet until then */
    bool failing;
    uint64_t lost;                                  /* items, since it began to fail */
    int64_t failure_logged_ns, rejection_logged_ns; /* 0 = never */
};

void otlp_sender_settings_init(otlp_sender_settings *settings)
{
    *settings = (otlp_sender_settings){.retry_first_ms = 1000, .retry_max_ms = 5000};
}

aki_status otlp_sender_open(otlp_sender **out, const otlp_sender_settings *settings, aki_error *error)
{
    *out = NULL;
    otlp_sender *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for telemetry");
    s->settings = *settings;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->lock, NULL);
    buf_init(&s->body, OTLP_MESSAGE_MAX_BYTES + OTLP_MESSAGE_MAX_BYTES / 16); /* gzip may add a little */
    jitter_init(&s->spread, (uint64_t)clock_wall_ns());
    aki_status status = otlp_client_open(&s->client, settings->target, error);
    if (status != AKI_OK) {
        otlp_sender_close(s);
        return status;
    }
    *out = s;
    return AKI_OK;
}

void otlp_sender_close(otlp_sender *s)
{
    if (s == NULL)
        return;
    otlp_client_close(s->client);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    buf_free(&s->body);
    mem_free(s);
}

void otlp_sender_hurry(otlp_sender *s, int64_t deadline_ns)
{
    otlp_client_hurry(s->client, deadline_ns);
    pthread_mutex_lock(&s->lock);
    s->hurried = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* False at once when there is a hurry. */
static bool wait_until(otlp_sender *s, int64_t until_ns)
{
    const struct timespec deadline = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&s->lock);
    while (!s->hurried && clock_monotonic_ns() < until_ns)
        pthread_cond_timedwait(&s->changed, &s->lock, &deadline);
    const bool hurried = s->hurried;
    pthread_mutex_unlock(&s->lock);
    return !hurried;
}

/* True where a line about some trouble is due, which is noted. */
static bool is_due(int64_t *logged_ns)
{
    const int64_t now_ns = clock_monotonic_ns();
    if (*logged_ns != 0 && now_ns - *logged_ns < REMINDER_NS)
        return false;
    *logged_ns = now_ns;
    return true;
}

static void note_failure(otlp_sender *s, const char *cause)
{
    const otlp_target *target = s->settings.target;
    const bool first = !s->failing;
    s->failing = true;
    if (target->by_default) {
        /* Nobody asked for this collector: it is no trouble that there is none, and one line is enough. */
        if (s->failure_logged_ns == 0 && is_due(&s->failure_logged_ns))
            log_write(&s->settings.log, AKI_LOG_INFO, LOG_TARGET,
                      "no collector takes %s at %s: %s; OTEL_EXPORTER_OTLP_ENDPOINT says where one is, "
                      "OTEL_SDK_DISABLED=true that there is none",
                      s->settings.noun, target->endpoint, cause);
    } else if (is_due(&s->failure_logged_ns)) {
        log_write(&s->settings.log, AKI_LOG_WARN, LOG_TARGET, "cannot export %s to %s: %s%s",
                  s->settings.noun, target->endpoint, cause,
                  first ? "; trying again, and counting what is lost" : "");
    }
}

static void note_success(otlp_sender *s, const otlp_reply *reply)
{
    if (s->failing && s->failure_logged_ns != 0)
        log_write(&s->settings.log, AKI_LOG_INFO, LOG_TARGET, "%s are exported to %s again; %llu were lost",
                  s->settings.noun, s->settings.target->endpoint, (unsigned long long)s->lost);
    if (s->failing)
        s->failure_logged_ns = 0;
    s->failing = false;
    s->lost = 0;
    if (reply->rejected > 0 && is_due(&s->rejection_logged_ns))
        log_write(&s->settings.log, AKI_LOG_WARN, LOG_TARGET, "%s rejected %llu %s: %s",
                  s->settings.target->endpoint, (unsigned long long)reply->rejected, s->settings.noun,
                  reply->cause[0] != '\0' ? reply->cause : "no reason given");
}

/* When to try again, after `failures` attempts. */
static int64_t next_attempt_ns(otlp_sender *s, unsigned failures, const otlp_reply *reply)
{
    const int64_t now_ns = clock_monotonic_ns();
    if (reply->retry_after_ms >= 0) {
        s->not_before_ns = now_ns + reply->retry_after_ms * NS_PER_MS;
        return s->not_before_ns;
    }
    int64_t wait_ms = s->settings.retry_first_ms;
    for (unsigned i = 1; i < failures && wait_ms < s->settings.retry_max_ms; i++)
        wait_ms *= 2;
    if (wait_ms > s->settings.retry_max_ms)
        wait_ms = s->settings.retry_max_ms;
    return now_ns + jitter_between(&s->spread, wait_ms / 2, wait_ms) * NS_PER_MS;
}

static bool deliver(otlp_sender *s, int64_t deadline_ns, otlp_reply *reply)
{
    int64_t next_ns = s->not_before_ns;
    for (unsigned failures = 1;; failures++) {
        if (next_ns > clock_monotonic_ns() && (next_ns >= deadline_ns || !wait_until(s, next_ns)))
            return false;
        otlp_client_send(s->client, &s->body, deadline_ns, reply);
        if (reply->outcome == OTLP_ACCEPTED)
            return true;
        note_failure(s, reply->cause);
        if (reply->outcome == OTLP_REFUSED)
            return false;
        next_ns = next_attempt_ns(s, failures, reply);
    }
}

bool otlp_sender_listens(otlp_sender *s, int64_t deadline_ns)
{
    otlp_reply reply;
    buf nothing;
    if (!s->settings.target->by_default)
        return true;
    buf_init(&nothing, 1);
    if (!otlp_frame(&nothing, s->settings.target->grpc, s->settings.target->gzip, &s->body))
        return false;
    otlp_client_send(s->client, &s->body, deadline_ns, &reply);
    if (reply.outcome != OTLP_ACCEPTED)
        return false;
    note_success(s, &reply);
    return true;
}

bool otlp_sender_send(otlp_sender *s, const buf *message, size_t items, int64_t deadline_ns, size_t *rejected)
{
    otlp_reply reply;
    *rejected = 0;
    const bool framed = otlp_frame(message, s->settings.target->grpc, s->settings.target->gzip, &s->body);
    if (!framed)
        note_failure(s, "no memory to encode them");
    if (!framed || !deliver(s, deadline_ns, &reply)) {
        s->lost += items;
        return false;
    }
    note_success(s, &reply);
    *rejected = reply.rejected < items ? (size_t)reply.rejected : items;
    return true;
}
