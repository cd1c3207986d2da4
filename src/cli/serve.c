/* akidb-embed serve: opens the port, finds and loads the model, serves until a signal comes. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/file_mode.h"
#include "cli/hangup.h"
#include "cli/load_trace.h"
#include "cli/log_writer.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "encoder/encoder.h"
#include "kernels/precision.h"
#include "server/server.h"
#include "telemetry/telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_TARGET "serve"
#define NO_HOST "none"
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
} service;

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
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the log");
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

static server_settings settings_of(const service *sv)
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
    settings.adaptive_limit = option_on(o, OPTION_ADAPTIVE_LIMIT);
    settings.header_timeout_ms = option_number(o, OPTION_HEADER_TIMEOUT);
    settings.write_timeout_ms = option_number(o, OPTION_WRITE_TIMEOUT);
    settings.idle_timeout_ms = option_number(o, OPTION_IDLE_TIMEOUT);
    settings.drain_timeout_ms = option_number(o, OPTION_DRAIN_TIMEOUT);
    settings.memory_limit_bytes = option_size(o, OPTION_MEMORY_LIMIT);
    settings.log = sv->log;
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
    if (strcmp(option_text(o, OPTION_HOST), NO_HOST) != 0) {
        write_url(sv, url, sizeof url);
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "listening on %s%s", url,
                  option_text(o, OPTION_TLS_CLIENT_CA) != NULL ? ", for clients with a certificate" : "");
    }
    if (path != NULL)
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "listening on unix:%s (mode %s)", path,
                  option_text(o, OPTION_UNIX_SOCKET_MODE));
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

/* Finds, opens and warms up the model; the trace gets its times. */
static aki_status open_model(service *sv, load_trace *trace, aki_error *error)
{
    const options *o = sv->options;
    char *folder = NULL;
    aki_settings settings = model_open_settings(o, sv->log);
    aki_status status =
        model_locate(o, option_text(o, OPTION_MODEL), false, sv->stop, sv->log, &folder, error);
    trace->located_ns = status == AKI_OK ? clock_monotonic_ns() : 0;
    if (status == AKI_OK) {
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "loading %s from %s", sv->model_name, folder);
        int64_t open_ns = clock_monotonic_ns();
        status = encoder_open_timed(&sv->encoder, folder, &settings, &trace->times, error);
        trace->opened_ns = clock_monotonic_ns();
        server_note_load(sv->server, trace->opened_ns - open_ns);
    }
    if (status == AKI_OK)
        status = server_attach(sv->server, sv->encoder, error);
    mem_free(folder);
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
    server_settings settings = settings_of(sv);
    log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "akidb-embed %s", aki_version());
    status = open_telemetry(sv, error);
    if (status == AKI_OK)
        status = server_open(&sv->server, &settings, error);
    if (status == AKI_OK)
        status = telemetry_watch(sv->telemetry, server_registry(sv->server), error);
    if (status != AKI_OK)
        return status;
    log_listening(sv);
    status = load_model(sv, error);
    if (stop_signal(sv->stop) != 0)
        status = AKI_OK; /* asked to end while loading: not a failure */
    if (status != AKI_OK)
        return status;
    if (stop_signal(sv->stop) == 0)
        log_example(sv);
    while (hangup_wait(sv->hangup, stop_descriptor(sv->stop)))
        server_reload(sv->server);
    int signal_number = stop_wait(sv->stop);
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
    stop_close(sv.stop);
    hangup_close(sv.hangup);
    return status == AKI_OK ? EXIT_DONE : EXIT_FAILED;
}
