/* Opening, attaching the model, draining, closing. */
#include "server/server.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "base/error.h"
#include "base/memory.h"
#include "server/exchange.h"
#include "server/http_daemon.h"
#include "server/server_metrics.h"
#include "server/service.h"
#include "server/warm_up.h"

#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define LOG_TARGET "server"
/* Memory of token ids and vectors of requests that wait or are computed. */
#define QUEUE_BYTES ((size_t)256 << 20)
/* After a drain that ran out of time, for replies that were given up to leave. */
#define LAST_REPLIES_MS 1000

/* Bodies and replies of this size and more go back to the system when freed. Left alone, the C library would raise its
 * own threshold with the first large block freed and keep the next ones. */
#define LARGE_BLOCK_BYTES (1 << 20)

#define LAST_RESORT_BODY                                                                                     \
    "{\"error\":{\"message\":\"memory ran out. Send fewer or shorter texts at once, or retry after the "     \
    "time given in "                                                                                         \
    "Retry-After.\",\"type\":\"unavailable_error\",\"param\":null,\"code\":\"out_of_memory\"}}\n"
void server_settings_init(server_settings *settings)
{
    *settings = (server_settings){.host = "127.0.0.1",
                                  .port = 8080,
                                  .model_name = "default",
                                  .max_texts = 2048,
                                  .max_body_bytes = (size_t)8 << 20,
                                  .max_header_bytes = (size_t)16 << 10,
                                  .max_queue_requests = 4096,
                                  .max_queue_tokens = 1000000,
                                  .max_queue_wait_ms = 2000,
                                  .max_connections = 4096,
                                  .unix_socket_mode = 0660,
                                  .header_timeout_ms = 10000,
                                  .min_body_rate = 1024,
                                  .http_threads = 2,
                                  .request_timeout_ms = 10000,
                                  .inference_timeout_ms = 5000,
                                  .idle_timeout_ms = 60000,
                                  .write_timeout_ms = 30000,
                                  .drain_timeout_ms = 15000,
                                  .memory_limit_bytes = (size_t)2048 * 1000000};
}

/* A connection is a descriptor: the soft limit is raised towards what may be open, as far as the hard one allows. */
static void raise_descriptor_limit(const server *s)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)s->settings.max_connections + SPARE_CONNECTIONS + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_write(&s->settings.log, AKI_LOG_WARN, LOG_TARGET,
                  "at most %llu files may be open, which is less than the %u connections allowed",
                  (unsigned long long)limit.rlim_cur, s->settings.max_connections);
}

static void take_connection(void *cookie, int descriptor, const struct sockaddr *address, socklen_t length)
{
    const server *s = cookie;
    struct MHD_Daemon *daemon = address->sa_family == AF_UNIX ? s->local_daemon : s->daemon;
    MHD_add_connection(daemon, descriptor, address, length); /* closes it on failure */
}

static void write_refusal(const http_error *error, buf *reply)
{
    char id[REQUEST_ID_MAX + 1];
    request_id_choose(NULL, id);
    buf body;
    buf_init(&body, reply->max_bytes);
    http_error_write(error, &body);
    buf_printf(reply,
               "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nx-request-id: %s\r\n"
               "Retry-After: 1\r\nretry-after-ms: 1000\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
               id, body.length);
    buf_append(reply, body.data, body.length);
    buf_free(&body);
}

static bool room_for_connection(void *cookie, const struct sockaddr *address, buf *refusal)
{
    const server *s = cookie;
    http_error error;
    if (atomic_load(&s->open_connections) >= s->settings.max_connections)
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%u connections are open, which is the limit", s->settings.max_connections);
    else if (!address_count_has_room(s->addresses, address))
        http_error_set(&error, HTTP_ERROR_TOO_MANY_CONNECTIONS, NULL,
                       "%u connections are open from your address, which is the limit",
                       s->settings.max_connections_per_address);
    else
        return true;
    server_metrics_connection_refused(s);
    if (s->tls == NULL || address->sa_family == AF_UNIX)
        write_refusal(&error, refusal);
    return false;
}

static aki_status open_tls(server *s, aki_error *error)
{
    tls_files files = {.certificate = s->settings.tls_certificate,
                       .key = s->settings.tls_key,
                       .client_ca = s->settings.tls_client_ca};
    return tls_open(&s->tls, &files, error);
}

static aki_status open_parts(server *s, aki_error *error)
{
    s->model_name = mem_copy_string(s->settings.model_name);
    s->last_resort = MHD_create_response_from_buffer(sizeof LAST_RESORT_BODY - 1, (void *)LAST_RESORT_BODY,
                                                     MHD_RESPMEM_PERSISTENT);
    if (s->model_name == NULL || s->last_resort == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the server");
    MHD_add_response_header(s->last_resort, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    MHD_add_response_header(s->last_resort, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    json_object_seed(0); /* once, before threads parse */
    mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
    const server_settings *settings = &s->settings;
    aki_status status = server_metrics_open(s, error);
    if (status == AKI_OK && settings->api_keys_file != NULL)
        status = api_keys_open(&s->keys, settings->api_keys_file, settings->log, error);
    if (status == AKI_OK && settings->tls_certificate != NULL)
        status = open_tls(s, error);
    if (status == AKI_OK && settings->max_connections_per_address > 0)
        status = address_count_open(&s->addresses, settings->max_connections_per_address, error);
    if (status == AKI_OK)
        status = connection_watch_open(&s->watch, error);
    if (status == AKI_OK)
        status = task_pool_open(&s->tasks, settings->http_threads, error);
    return status;
}

/* A unix socket is the machine's own: it is not spoken TLS over. */
static aki_status start_daemons(server *s, aki_error *error)
{
    aki_status status = AKI_OK;
    if (s->settings.host != NULL || s->tls == NULL)
        status = http_daemon_start(&s->daemon, s, s->tls != NULL, error);
    if (status == AKI_OK && s->settings.unix_socket != NULL && s->tls != NULL)
        status = http_daemon_start(&s->own_local_daemon, s, false, error);
    s->local_daemon = s->own_local_daemon != NULL ? s->own_local_daemon : s->daemon;
    return status;
}

static aki_status start_listening(server *s, aki_error *error)
{
    const server_settings *settings = &s->settings;
    listen_sockets sockets = {0};
    aki_status status = AKI_OK;
    if (settings->host != NULL)
        status = listen_sockets_open(&sockets, settings->host, settings->port, error);
    if (status == AKI_OK && settings->unix_socket != NULL)
        status = listen_sockets_add_unix(&sockets, settings->unix_socket, settings->unix_socket_mode, error);
    if (status != AKI_OK)
        return status;
    s->port = sockets.port;
    raise_descriptor_limit(s);
    status = start_daemons(s, error);
    if (status != AKI_OK) {
        listen_sockets_close(&sockets);
        return status;
    }
    acceptor_settings accepting = {
        .take = take_connection, .has_room = room_for_connection, .cookie = s, .log = settings->log};
    return acceptor_open(&s->acceptor, &sockets, &accepting, error);
}

aki_status server_open(server **out, const server_settings *settings, aki_error *error)
{
    *out = NULL;
    server *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the server");
    s->settings = *settings;
    s->started_ns = clock_monotonic_ns();
    jitter_init(&s->jitter, (uint64_t)clock_wall_ns());
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->idle, &attributes);
    pthread_condattr_destroy(&attributes);
    aki_status status = open_parts(s, error);
    if (status == AKI_OK)
        status = start_listening(s, error);
    if (status != AKI_OK) {
        server_close(s);
        return status;
    }
    *out = s;
    return AKI_OK;
}

aki_status server_attach(server *s, const encoder *enc, aki_error *error)
{
    scheduler_settings settings = {.on_pass = server_metrics_on_pass,
                                   .on_pass_cookie = s,
                                   .workers =
                                       s->settings.workers > 0 ? s->settings.workers : cpus_available(),
                                   .max_queue_requests = s->settings.max_queue_requests,
                                   .max_queue_tokens = s->settings.max_queue_tokens,
                                   .max_queue_bytes = QUEUE_BYTES,
                                   .max_queue_wait_ms = s->settings.max_queue_wait_ms,
                                   .inference_timeout_ms = s->settings.inference_timeout_ms,
                                   .batch_window_ms = s->settings.batch_window_ms,
                                   .cache_bytes = s->settings.cache_bytes,
                                   .adaptive_limit = s->settings.adaptive_limit,
                                   .log = s->settings.log};
    scheduler *work = NULL;
    aki_status status = server_metrics_describe(s, enc, error);
    if (status == AKI_OK)
        status = scheduler_open(&work, enc, &settings, error);
    if (status != AKI_OK)
        return status;
    status = warm_up(work, settings.workers, error);
    if (status != AKI_OK) {
        scheduler_close(work);
        return status;
    }
    s->enc = enc;
    atomic_store(&s->scheduler, work);
    int loading = SERVER_LOADING;
    atomic_compare_exchange_strong(&s->phase, &loading, SERVER_READY);
    return AKI_OK;
}

void server_note_load(server *s, int64_t duration_ns)
{
    metrics_observe(metrics_shard(s->metrics), METRIC_MODEL_LOAD_DURATION, 0, (double)duration_ns / NS_PER_S,
                    NULL);
}

metrics *server_registry(server *s)
{
    return s->metrics;
}

uint16_t server_port(const server *s)
{
    return s->port;
}

bool server_reload(server *s)
{
    const server_settings *settings = &s->settings;
    aki_error error;
    bool fine = true;
    if (s->tls != NULL && tls_reload(s->tls, &error) == AKI_OK) {
        log_write(&settings->log, AKI_LOG_INFO, LOG_TARGET, "new connections use the certificate in %s",
                  settings->tls_certificate);
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

static bool wait_for_requests(server *s, int64_t timeout_ms)
{
    int64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_mutex_lock(&s->lock);
    while (s->requests > 0 && pthread_cond_timedwait(&s->idle, &s->lock, &until) != ETIMEDOUT)
        ;
    bool finished = s->requests == 0;
    pthread_mutex_unlock(&s->lock);
    return finished;
}

bool server_drain(server *s)
{
    atomic_store(&s->phase, SERVER_DRAINING);
    acceptor_close(s->acceptor);
    s->acceptor = NULL;
    return wait_for_requests(s, s->settings.drain_timeout_ms);
}

void server_close(server *s)
{
    if (s == NULL)
        return;
    atomic_store(&s->phase, SERVER_DRAINING);
    acceptor_close(s->acceptor);
    scheduler *work = atomic_load(&s->scheduler);
    if (work != NULL) {
        /* Every suspended connection is resumed by this; the library must not be stopped with one suspended. */
        scheduler_stop(work, true);
        task_pool_stop(s->tasks);
        wait_for_requests(s, LAST_REPLIES_MS);
    }
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon);
    if (s->own_local_daemon != NULL)
        MHD_stop_daemon(s->own_local_daemon);
    connection_watch_close(s->watch);
    task_pool_close(s->tasks);
    address_count_close(s->addresses);
    tls_close(s->tls);
    api_keys_close(s->keys);
    scheduler_close(work);
    if (s->last_resort != NULL)
        MHD_destroy_response(s->last_resort);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    metrics_close(s->metrics);
    mem_free(s->model_name);
    mem_free(s);
}
