/* Opening, attaching the model, draining, closing. */
#include "server/server.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "server/exchange.h"
#include "server/handlers.h"
#include "server/listening.h"
#include "server/message_stream.h"
#include "server/models.h"
#include "server/server_metrics.h"
#include "server/service.h"

#include <jansson.h>
#include <malloc.h>

#define LOG_TARGET "server"
/* After a drain that ran out of time, for replies that were given up to leave. */
#define LAST_REPLIES_MS 1000

/* Bodies and replies of this size and more go back to the system when freed. Left alone, the C library would raise its
 * own threshold with the first large block freed and keep the next ones. */
#define LARGE_BLOCK_BYTES (1 << 20)

static void warn_of_unfit_ocsp(const server *s)
{
    if (tls_ocsp_is_unfit(s->tls))
        log_write(
            &s->settings.log, AKI_LOG_WARN, LOG_TARGET,
            "the OCSP response in %s has ended or says that the certificate is revoked: clients get none. "
            "Fetch a new one and send SIGHUP",
            s->settings.tls_ocsp);
}

static aki_status open_tls(server *s, aki_error *error)
{
    tls_files files = {.certificate = s->settings.tls_certificate,
                       .key = s->settings.tls_key,
                       .client_ca = s->settings.tls_client_ca,
                       .ocsp = s->settings.tls_ocsp};
    const aki_status status = tls_open(&s->tls, &files, error);
    if (status == AKI_OK)
        warn_of_unfit_ocsp(s);
    return status;
}

/* A change of health is told to those who watch it. */
static void on_round(void *cookie, bool alive)
{
    server *s = cookie;
    const bool ready = health_is_ready(s);
    if (atomic_exchange(&s->was_ready, ready) != ready)
        message_streams_wake(s);
    if (s->settings.on_heartbeat != NULL)
        s->settings.on_heartbeat(s->settings.cookie, alive);
}

static aki_status open_watchdog(server *s, aki_error *error)
{
    const server_settings *settings = &s->settings;
    const watchdog_settings watching = {.stuck_timeout_ms = settings->stuck_timeout_ms,
                                        .probe_interval_ms = settings->probe_interval_ms,
                                        .memory_limit_bytes = settings->memory_limit_bytes,
                                        .on_round = on_round,
                                        .on_round_cookie = s,
                                        .log = settings->log};
    return watchdog_open(&s->watchdog, &watching, error);
}

static aki_status open_parts(server *s, aki_error *error)
{
    json_object_seed(0); /* once, before threads parse */
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
    const server_settings *settings = &s->settings;
    aki_status status = server_metrics_open(s, error);
    if (status == AKI_OK && settings->api_keys_file != NULL)
        status = api_keys_open(&s->keys, settings->api_keys_file, settings->log, error);
    if (status == AKI_OK && settings->cl100k_file != NULL)
        status = cl100k_open(&s->foreign_ids, settings->cl100k_file, error);
    if (status == AKI_OK && settings->tls_certificate != NULL)
        status = open_tls(s, error);
    if (status == AKI_OK)
        status = task_pool_open(&s->tasks, settings->http_threads, error);
    if (status == AKI_OK)
        status = models_open(s, error);
    if (status == AKI_OK)
        status = open_watchdog(s, error);
    return status;
}

aki_status server_open(server **out, const server_settings *settings, aki_error *error)
{
    *out = NULL;
    server *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the server");
    s->settings = *settings;
    s->started_ns = clock_monotonic_ns();
    s->started_s = clock_wall_ns() / NS_PER_S;
    jitter_init(&s->jitter, (uint64_t)clock_wall_ns());
    access_sampler_init(&s->access, settings->access_log_rate);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->streams_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->idle, &attributes);
    pthread_condattr_destroy(&attributes);
    aki_status status = open_parts(s, error);
    if (status == AKI_OK) {
        watchdog_watch(s->watchdog, models_each_target, s);
        status = listening_start(s, error);
    }
    if (status != AKI_OK) {
        server_close(s);
        return status;
    }
    *out = s;
    return AKI_OK;
}

/* Loaded, or going to be: requests are taken. */
static void open_doors(server *s)
{
    int loading = SERVER_LOADING;
    atomic_store(&s->opened, true);
    atomic_compare_exchange_strong(&s->phase, &loading, SERVER_READY);
}

aki_status server_attach(server *s, encoder *enc, bool owned, const char *folder, aki_error *error)
{
    aki_status status = models_attach(s, enc, owned, folder, error);
    if (status == AKI_OK)
        open_doors(s);
    return status;
}

aki_status server_start_models(server *s, aki_error *error)
{
    aki_status status = model_set_start(s->models, error);
    if (status == AKI_OK)
        open_doors(s);
    return status;
}

aki_status server_configure(server *s, const model_spec *specs, size_t count, aki_error *error)
{
    return models_configure(s, specs, count, error);
}

bool server_models_settled(server *s)
{
    return model_set_settled(s->models);
}

void server_note_load(server *s, int64_t duration_ns)
{
    models_note_load(s, duration_ns);
}

bool server_drain(server *s)
{
    return drain_run(s);
}

metrics *server_registry(server *s)
{
    return s->metrics;
}

uint16_t server_port(const server *s)
{
    return s->port;
}

uint16_t server_admin_port(const server *s)
{
    return s->admin_port;
}

bool server_reload(server *s)
{
    const server_settings *settings = &s->settings;
    aki_error error;
    bool fine = true;
    if (s->tls != NULL && tls_reload(s->tls, &error) == AKI_OK) {
        log_write(&settings->log, AKI_LOG_INFO, LOG_TARGET, "new connections use the certificate in %s",
                  settings->tls_certificate);
        warn_of_unfit_ocsp(s);
    } else if (s->tls != NULL) {
        fine = false;
        log_write(&settings->log, AKI_LOG_ERROR, LOG_TARGET, "the certificate stays as it was: %s. %s",
                  error.message, error.hint);
    }
    if (s->keys != NULL && api_keys_reload(s->keys, &error) == AKI_OK) {
        log_write(&settings->log, AKI_LOG_INFO, LOG_TARGET, "%zu API keys read from %s",
                  api_keys_count(s->keys), settings->api_keys_file);
    } else if (s->keys != NULL) {
        fine = false;
        log_write(&settings->log, AKI_LOG_ERROR, LOG_TARGET, "the API keys stay as they were: %s. %s",
                  error.message, error.hint);
    }
    return fine;
}

void server_stop(server *s)
{
    if (s == NULL || s->stopped)
        return;
    s->stopped = true;
    atomic_store(&s->phase, SERVER_DRAINING);
    atomic_store(&s->ending, true);
    listening_stop(s);
    message_streams_wake(s);
    watchdog_stop(s->watchdog);
    if (s->models != NULL) {
        /* Every request that waits is resumed by this. */
        const bool served = atomic_load(&s->opened);
        model_set_stop(s->models);
        if (served) {
            task_pool_stop(s->tasks);
            drain_wait(s, LAST_REPLIES_MS);
        }
    }
    listening_close(s);
}

void server_close(server *s)
{
    if (s == NULL)
        return;
    server_stop(s);
    task_pool_close(s->tasks);
    tls_close(s->tls);
    api_keys_close(s->keys);
    cl100k_close(s->foreign_ids);
    model_set_close(
        s->models); /* before the crew, which computes for them, and before the watchdog, which it tells of freed memory */
    crew_close(s->crew);
    watchdog_close(s->watchdog);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->streams_lock);
    metrics_close(s->metrics);
    mem_free(s);
}
