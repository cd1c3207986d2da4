/* akidb-embed serve: opens the port, finds and loads the model, serves until a signal comes. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/activation.h"
#include "cli/file_mode.h"
#include "cli/hangup.h"
#include "cli/load_trace.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "cli/notify.h"
#include "cli/published_weights.h"
#include "encoder/device_lane.h"
#include "encoder/encoder.h"
#include "kernels/precision.h"
#include "server/memory_budget.h"
#include "server/server.h"
#include "telemetry/log_writer.h"
#include "telemetry/telemetry.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_TARGET "serve"
#define NO_HOST "none"
#define READY_MESSAGE "READY=1\nSTATUS=serving"
#define FLUSH_MS 5000 /* for telemetry, when all requests are finished */

typedef struct service {
    const options *options;
    stop *stop;
    hangup *hangup;
    log_writer *writer;
    log_sink log;
    telemetry *telemetry;
    server *server;
    encoder *encoder;
    const char *model_name;
    const char *folder; /* of the model, while it is loaded */
    activation sockets; /* that the program was started with */
    notify manager;
} service;

static void give_sign_of_life(void *cookie, bool alive)
{
    service *sv = cookie;
    if (alive)
        notify_alive(&sv->manager);
}

static bool weights_are_published(void *cookie)
{
    const service *sv = cookie;
    return published_weights_in(sv->folder);
}

/* What replies call the model: as the options say, else its id, else the folder's last part. */
static const char *name_of_model(const options *o)
{
    const char *name = option_text(o, OPTION_MODEL_NAME);
    if (name != NULL)
        return name;
    name = option_text(o, OPTION_MODEL);
    if (access(name, F_OK) != 0)
        return name;
    const char *last = strrchr(name, '/');
    return last != NULL && last[1] != '\0' && strcmp(last, "/.") != 0 && strcmp(last, "/..") != 0 ? last + 1
                                                                                                  : name;
}

static aki_status open_log(service *sv, aki_error *error)
{
    log_filter filter;
    int64_t format = option_number(sv->options, OPTION_LOG_FORMAT);
    bool text = format == 2 || (format == 0 && isatty(STDOUT_FILENO));
    if (!log_filter_parse(&filter, option_text(sv->options, OPTION_LOG_LEVEL)))
        return error_set(error, AKI_INTERNAL, "the log filter was not checked");
    sv->writer = log_writer_open(STDOUT_FILENO, text ? LOG_FORMAT_TEXT : LOG_FORMAT_JSON, &filter);
    if (sv->writer == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory or no thread for the log");
    sv->log = log_writer_sink(sv->writer);
    return AKI_OK;
}

static const char *environment_of_process(void *cookie, const char *name)
{
    (void)cookie;
    return getenv(name);
}

static aki_status open_telemetry(service *sv, aki_error *error)
{
    const telemetry_settings settings = {
        .get = environment_of_process,
        .trust_parent = option_on(sv->options, OPTION_TRACE_TRUST_PARENT),
        .log = sv->log,
    };
    return telemetry_open(&sv->telemetry, &settings, error);
}

/* What no single option can check. */
static aki_status check_options(const options *o, aki_error *error)
{
    const char *certificate = option_text(o, OPTION_TLS_CERTIFICATE), *key = option_text(o, OPTION_TLS_KEY);
    aki_status status = AKI_OK;
    if ((certificate == NULL) != (key == NULL)) {
        status = error_set(error, AKI_INVALID_ARGUMENT, "--tls-%s is missing",
                           certificate == NULL ? "certificate" : "key");
        error_hint(error, "TLS needs both --tls-certificate and --tls-key.");
    } else if (certificate == NULL && option_text(o, OPTION_TLS_CLIENT_CA) != NULL) {
        status = error_set(error, AKI_INVALID_ARGUMENT, "--tls-client-ca is given, but no TLS is used");
        error_hint(error, "Give --tls-certificate and --tls-key as well.");
    } else if (strcmp(option_text(o, OPTION_HOST), NO_HOST) == 0 &&
               option_text(o, OPTION_UNIX_SOCKET) == NULL) {
        status = error_set(error, AKI_INVALID_ARGUMENT, "--host none leaves nothing to listen on");
        error_hint(error, "Give --unix-socket PATH, or an address.");
    }
    return status;
}

static scheduler_resilience resilience_of(const options *o)
{
    scheduler_resilience r;
    scheduler_resilience_init(&r);
    r.breaker.failures = (unsigned)option_number(o, OPTION_BREAKER_FAILURES);
    r.breaker.window_ns = option_number(o, OPTION_BREAKER_WINDOW) * NS_PER_MS;
    r.breaker.cooldown_ns = option_number(o, OPTION_BREAKER_COOLDOWN) * NS_PER_MS;
    r.breaker.cooldown_max_ns = r.breaker.cooldown_ns;
    r.breaker.successes = (unsigned)option_number(o, OPTION_BREAKER_SUCCESSES);
    r.breaker.probes = (unsigned)option_number(o, OPTION_BREAKER_PROBES);
    r.retry.attempts = (unsigned)option_number(o, OPTION_RETRY_ATTEMPTS);
    r.retry.first_delay_ns = option_number(o, OPTION_RETRY_DELAY) * NS_PER_MS;
    r.device_timeout_ms = option_number(o, OPTION_DEVICE_TIMEOUT);
    r.cpu_fallback = option_on(o, OPTION_CPU_FALLBACK);
    r.fallback_cache_bytes = option_size(o, OPTION_FALLBACK_CACHE_MB) * 1000000;
    return r;
}

static uint64_t log_dropped(void *cookie)
{
    return log_writer_dropped(cookie);
}

static server_settings settings_of(service *sv)
{
    const options *o = sv->options;
    server_settings settings;
    server_settings_init(&settings);
    const char *host = option_text(o, OPTION_HOST);
    settings.host = strcmp(host, NO_HOST) != 0 ? host : NULL;
    settings.port = (uint16_t)option_number(o, OPTION_PORT);
    settings.unix_socket = option_text(o, OPTION_UNIX_SOCKET);
    file_mode_parse(option_text(o, OPTION_UNIX_SOCKET_MODE), &settings.unix_socket_mode);
    settings.tls_certificate = option_text(o, OPTION_TLS_CERTIFICATE);
    settings.tls_key = option_text(o, OPTION_TLS_KEY);
    settings.tls_client_ca = option_text(o, OPTION_TLS_CLIENT_CA);
    settings.api_keys_file = option_text(o, OPTION_API_KEYS);
    settings.cors_origins = option_text(o, OPTION_CORS_ORIGIN);
    settings.model_name = sv->model_name;
    settings.max_texts = option_size(o, OPTION_MAX_TEXTS);
    settings.max_body_bytes = option_size(o, OPTION_MAX_BODY_BYTES);
    settings.max_header_bytes = option_size(o, OPTION_MAX_HEADER_BYTES);
    settings.max_queue_requests = option_size(o, OPTION_MAX_QUEUE_REQUESTS);
    settings.max_queue_tokens = option_size(o, OPTION_MAX_QUEUE_TOKENS);
    settings.max_connections = (unsigned)option_number(o, OPTION_MAX_CONNECTIONS);
    settings.max_connections_per_address = (unsigned)option_number(o, OPTION_MAX_CONNECTIONS_PER_ADDRESS);
    settings.min_body_rate = option_size(o, OPTION_MIN_BODY_RATE);
    settings.http_threads = (unsigned)option_number(o, OPTION_HTTP_THREADS);
    settings.workers = (unsigned)option_number(o, OPTION_THREADS);
    settings.request_timeout_ms = option_number(o, OPTION_REQUEST_TIMEOUT);
    settings.inference_timeout_ms = option_number(o, OPTION_INFERENCE_TIMEOUT);
    settings.batch_window_ms = option_number(o, OPTION_BATCH_WINDOW);
    settings.max_queue_wait_ms = option_number(o, OPTION_MAX_QUEUE_WAIT);
    settings.cache_bytes = option_size(o, OPTION_CACHE_MB) * 1000000;
    settings.resilience = resilience_of(o);
    settings.adaptive_limit = option_on(o, OPTION_ADAPTIVE_LIMIT);
    settings.header_timeout_ms = option_number(o, OPTION_HEADER_TIMEOUT);
    settings.write_timeout_ms = option_number(o, OPTION_WRITE_TIMEOUT);
    settings.idle_timeout_ms = option_number(o, OPTION_IDLE_TIMEOUT);
    settings.drain_delay_ms = option_number(o, OPTION_DRAIN_DELAY);
    settings.drain_timeout_ms = option_number(o, OPTION_DRAIN_TIMEOUT);
    settings.stuck_timeout_ms = option_number(o, OPTION_STUCK_TIMEOUT);
    settings.probe_interval_ms = option_number(o, OPTION_PROBE_INTERVAL);
    settings.admin_host = option_given(o, OPTION_ADMIN_PORT) ? option_text(o, OPTION_ADMIN_HOST) : NULL;
    settings.admin_port = (uint16_t)option_number(o, OPTION_ADMIN_PORT);
    settings.inherited = sv->sockets.clients;
    settings.inherited_count = sv->sockets.clients_count;
    settings.inherited_admin = sv->sockets.admin;
    settings.inherited_admin_count = sv->sockets.admin_count;
    settings.on_heartbeat = give_sign_of_life;
    settings.weights_are_published = weights_are_published;
    settings.cookie = sv;
    settings.memory_limit_bytes = option_size(o, OPTION_MEMORY_LIMIT);
    settings.log = sv->log;
    settings.tracer = telemetry_tracer(sv->telemetry);
    settings.joins_traces = telemetry_joins_traces(sv->telemetry);
    settings.keeps_exemplars = telemetry_keeps_exemplars(sv->telemetry);
    settings.log_dropped = log_dropped;
    settings.log_dropped_cookie = sv->writer;
    settings.access_log_rate = (uint64_t)option_number(o, OPTION_ACCESS_LOG_RATE);
    settings.slow_request_ms = option_number(o, OPTION_SLOW_REQUEST);
    settings.log_texts = option_on(o, OPTION_LOG_TEXTS);
    return settings;
}

/* "http://127.0.0.1:8080" or "https://…", with brackets around an IPv6 address. */
static void write_url(const service *sv, char *out, size_t room)
{
    const char *host = option_text(sv->options, OPTION_HOST);
    bool brackets = strchr(host, ':') != NULL && host[0] != '[';
    snprintf(out, room, "%s://%s%s%s:%u",
             option_text(sv->options, OPTION_TLS_CERTIFICATE) != NULL ? "https" : "http", brackets ? "[" : "",
             host, brackets ? "]" : "", (unsigned)server_port(sv->server));
}

static void log_listening(const service *sv)
{
    const options *o = sv->options;
    const char *path = option_text(o, OPTION_UNIX_SOCKET), *keys = option_text(o, OPTION_API_KEYS);
    char url[300];
    if (sv->sockets.clients_count > 0) {
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET,
                  "listening on %zu sockets that were handed over, port %u", sv->sockets.clients_count,
                  (unsigned)server_port(sv->server));
    } else if (strcmp(option_text(o, OPTION_HOST), NO_HOST) != 0) {
        write_url(sv, url, sizeof url);
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "listening on %s%s", url,
                  option_text(o, OPTION_TLS_CLIENT_CA) != NULL ? ", for clients with a certificate" : "");
    }
    if (path != NULL)
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "listening on unix:%s (mode %s)", path,
                  option_text(o, OPTION_UNIX_SOCKET_MODE));
    if (server_admin_port(sv->server) != 0)
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "health, metrics and administration on port %u",
                  (unsigned)server_admin_port(sv->server));
    if (keys != NULL)
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "requests need an API key of %s", keys);
}

/* A command that a new user may copy. */
static void log_example(const service *sv)
{
    const options *o = sv->options;
    const char *path = option_text(o, OPTION_UNIX_SOCKET);
    bool local = strcmp(option_text(o, OPTION_HOST), NO_HOST) == 0;
    char url[300] = "http://localhost";
    if (!local)
        write_url(sv, url, sizeof url);
    log_write(
        &sv->log, AKI_LOG_INFO, LOG_TARGET,
        "try: curl -s%s%s %s/api/v1/embed%s -H 'content-type: application/json' -d '{\"texts\":[\"hello "
        "world\"]}'",
        local ? " --unix-socket " : "", local ? path : "", url,
        option_text(o, OPTION_API_KEYS) != NULL ? " -H \"authorization: Bearer $KEY\"" : "");
}

/* The least that a model can take: its matrices, which are most of it, in the narrowest precision. What is hopeless is refused
 * before anything was read. */
static aki_status check_memory(const char *folder, aki_error *error)
{
    enum { NARROWEST_SHARE = 8 };
    char path[PATH_MAX];
    struct stat info;
    memory_budget budget;
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (stat(path, &info) != 0)
        return AKI_OK; /* encoder_open says so */
    memory_budget_read(&budget);
    aki_status status =
        memory_budget_allows(&budget, (size_t)info.st_size / NARROWEST_SHARE, "loading the model", error);
    if (status != AKI_OK)
        memory_budget_explain(&budget, error);
    return status;
}

/* Finds, opens and warms up the model; the trace gets its times. */
static aki_status open_model(service *sv, load_trace *trace, aki_error *error)
{
    const options *o = sv->options;
    char *folder = NULL;
    aki_settings settings = model_open_settings(o, sv->log);
    aki_status status =
        model_locate(o, option_text(o, OPTION_MODEL), false, sv->stop, sv->log, &folder, error);
    trace->located_ns = status == AKI_OK ? clock_monotonic_ns() : 0;
    if (status == AKI_OK)
        status = check_memory(folder, error);
    if (status == AKI_OK) {
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "loading %s from %s", sv->model_name, folder);
        int64_t open_ns = clock_monotonic_ns();
        status = encoder_open_timed(&sv->encoder, folder, &settings, &trace->times, error);
        const device_choice choice = {.name = option_text(o, OPTION_DEVICE),
                                      .plugin = option_text(o, OPTION_DEVICE_PLUGIN)};
        if (status == AKI_OK)
            status = encoder_choose_device(sv->encoder, &choice, error);
        trace->opened_ns = clock_monotonic_ns();
        server_note_load(sv->server, trace->opened_ns - open_ns);
    }
    sv->folder = folder;
    if (status == AKI_OK)
        status = server_attach(sv->server, sv->encoder, error);
    sv->folder = NULL;
    mem_free(folder);
    if (status == AKI_OUT_OF_MEMORY) {
        memory_budget budget;
        memory_budget_read(&budget);
        memory_budget_explain(&budget, error);
    }
    return status;
}

static aki_status load_model(service *sv, aki_error *error)
{
    aki_error own;
    aki_model_info info;
    load_trace trace = {.model = sv->model_name, .start_ns = clock_monotonic_ns()};
    aki_status status = open_model(sv, &trace, &own);
    trace.end_ns = clock_monotonic_ns();
    load_trace_emit(&trace, telemetry_tracer(sv->telemetry), sv->encoder,
                    status == AKI_OK ? NULL : own.message);
    if (status != AKI_OK) {
        if (error != NULL)
            *error = own;
        return status;
    }
    encoder_describe(sv->encoder, &info);
    log_write(
        &sv->log, AKI_LOG_INFO, LOG_TARGET,
        "ready: model %s, dimension %zu, at most %zu tokens per text, CPU tier %s, precision %s, threads %u, "
        "%.2f s to load",
        sv->model_name, encoder_dimension(sv->encoder), encoder_max_tokens(sv->encoder), info.cpu_tier,
        kernel_precision_name(info.precision), info.threads,
        (double)(trace.end_ns - trace.start_ns) / NS_PER_S);
    return AKI_OK;
}

static aki_status serve(service *sv, aki_error *error)
{
    aki_status status = open_log(sv, error);
    if (status != AKI_OK)
        return status;
    sv->model_name = name_of_model(sv->options);
    log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "akidb-embed %s", aki_version());
    status = open_telemetry(sv, error);
    if (status != AKI_OK)
        return status;
    const server_settings settings = settings_of(sv);
    status = server_open(&sv->server, &settings, error);
    if (status == AKI_OK)
        status = telemetry_watch(sv->telemetry, server_registry(sv->server), error);
    if (status != AKI_OK)
        return status;
    log_listening(sv);
    notify_send(&sv->manager, "STATUS=loading the model");
    status = load_model(sv, error);
    if (stop_signal(sv->stop) != 0)
        status = AKI_OK; /* asked to end while loading: not a failure */
    if (status != AKI_OK)
        return status;
    if (stop_signal(sv->stop) == 0)
        log_example(sv);
    notify_send(&sv->manager, READY_MESSAGE);
    for (int asked; (asked = hangup_wait(sv->hangup, stop_descriptor(sv->stop))) != 0;) {
        if (asked != SIGHUP) {
            log_writer_cycle_level(sv->writer);
            continue;
        }
        notify_reloading(&sv->manager);
        server_reload(sv->server);
        notify_send(&sv->manager, READY_MESSAGE);
    }
    int signal_number = stop_wait(sv->stop);
    notify_send(&sv->manager, "STOPPING=1\nSTATUS=finishing the requests in flight");
    log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "signal %d: finishing the requests in flight",
              signal_number);
    if (server_drain(sv->server))
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "stopped; all requests were finished");
    else
        log_write(&sv->log, AKI_LOG_WARN, LOG_TARGET,
                  "stopped; requests still in flight after %s were given up",
                  option_text(sv->options, OPTION_DRAIN_TIMEOUT));
    return AKI_OK;
}

int command_serve(const options *o)
{
    aki_error error;
    service sv = {.options = o};
    aki_status status = check_options(o, &error);
    if (status != AKI_OK) {
        message_error(&error);
        return EXIT_USAGE;
    }
    status = activation_read(&sv.sockets, getenv("LISTEN_PID"), getenv("LISTEN_FDS"),
                             getenv("LISTEN_FDNAMES"), (long)getpid(), &error);
    notify_open(&sv.manager);
    if (status == AKI_OK)
        status = hangup_open(&sv.hangup, &error); /* first: the other one starts a thread */
    if (status == AKI_OK)
        status = stop_open(&sv.stop, EXIT_FAILED, &error);
    if (status == AKI_OK)
        status = serve(&sv, &error);
    if (status != AKI_OK)
        message_error(&error);
    telemetry_finish(sv.telemetry, FLUSH_MS);
    server_close(sv.server);
    encoder_close(sv.encoder);
    telemetry_close(sv.telemetry);
    log_writer_close(sv.writer);
    notify_close(&sv.manager);
    stop_close(sv.stop);
    hangup_close(sv.hangup);
    return status == AKI_OK ? EXIT_DONE : EXIT_FAILED;
}
