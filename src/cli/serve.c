/* akidb-embed serve: opens the port, finds and loads the model, serves until a signal comes. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/log_writer.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "encoder/encoder.h"
#include "kernels/precision.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_TARGET "serve"

typedef struct service {
    const options *options;
    stop *stop;
    log_writer *writer;
    log_sink log;
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

static server_settings settings_of(const service *sv)
{
    const options *o = sv->options;
    server_settings settings;
    server_settings_init(&settings);
    settings.host = option_text(o, OPTION_HOST);
    settings.port = (uint16_t)option_number(o, OPTION_PORT);
    settings.model_name = sv->model_name;
    settings.max_texts = option_size(o, OPTION_MAX_TEXTS);
    settings.max_body_bytes = option_size(o, OPTION_MAX_BODY_BYTES);
    settings.max_header_bytes = option_size(o, OPTION_MAX_HEADER_BYTES);
    settings.max_queue_requests = option_size(o, OPTION_MAX_QUEUE_REQUESTS);
    settings.max_queue_tokens = option_size(o, OPTION_MAX_QUEUE_TOKENS);
    settings.max_connections = (unsigned)option_number(o, OPTION_MAX_CONNECTIONS);
    settings.http_threads = (unsigned)option_number(o, OPTION_HTTP_THREADS);
    settings.workers = (unsigned)option_number(o, OPTION_THREADS);
    settings.request_timeout_ms = option_number(o, OPTION_REQUEST_TIMEOUT);
    settings.inference_timeout_ms = option_number(o, OPTION_INFERENCE_TIMEOUT);
    settings.batch_window_ms = option_number(o, OPTION_BATCH_WINDOW);
    settings.max_queue_wait_ms = option_number(o, OPTION_MAX_QUEUE_WAIT);
    settings.cache_bytes = option_size(o, OPTION_CACHE_MB) * 1000000;
    settings.adaptive_limit = option_on(o, OPTION_ADAPTIVE_LIMIT);
    settings.idle_timeout_ms = option_number(o, OPTION_IDLE_TIMEOUT);
    settings.drain_timeout_ms = option_number(o, OPTION_DRAIN_TIMEOUT);
    settings.memory_limit_bytes = option_size(o, OPTION_MEMORY_LIMIT);
    settings.log = sv->log;
    return settings;
}

/* "http://127.0.0.1:8080", with brackets around an IPv6 address. */
static void write_url(const service *sv, char *out, size_t room)
{
    const char *host = option_text(sv->options, OPTION_HOST);
    bool brackets = strchr(host, ':') != NULL && host[0] != '[';
    snprintf(out, room, "http://%s%s%s:%u", brackets ? "[" : "", host, brackets ? "]" : "",
             (unsigned)server_port(sv->server));
}

static aki_status load_model(service *sv, aki_error *error)
{
    const options *o = sv->options;
    char *folder = NULL;
    int64_t start = clock_monotonic_ns();
    aki_settings settings = model_open_settings(o, sv->log);
    aki_status status =
        model_locate(o, option_text(o, OPTION_MODEL), false, sv->stop, sv->log, &folder, error);
    if (status == AKI_OK) {
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "loading %s from %s", sv->model_name, folder);
        status = encoder_open(&sv->encoder, folder, &settings, error);
    }
    if (status == AKI_OK)
        status = server_attach(sv->server, sv->encoder, error);
    mem_free(folder);
    if (status != AKI_OK)
        return status;
    aki_model_info info;
    encoder_describe(sv->encoder, &info);
    log_write(
        &sv->log, AKI_LOG_INFO, LOG_TARGET,
        "ready: model %s, dimension %zu, at most %zu tokens per text, CPU tier %s, precision %s, threads %u, "
        "%.2f s to load",
        sv->model_name, encoder_dimension(sv->encoder), encoder_max_tokens(sv->encoder), info.cpu_tier,
        kernel_precision_name(info.precision), info.threads,
        (double)(clock_monotonic_ns() - start) / NS_PER_S);
    return AKI_OK;
}

static aki_status serve(service *sv, aki_error *error)
{
    char url[300];
    aki_status status = open_log(sv, error);
    if (status != AKI_OK)
        return status;
    sv->model_name = name_of_model(sv->options);
    server_settings settings = settings_of(sv);
    log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "akidb-embed %s", aki_version());
    status = server_open(&sv->server, &settings, error);
    if (status != AKI_OK)
        return status;
    write_url(sv, url, sizeof url);
    log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "listening on %s", url);
    status = load_model(sv, error);
    if (stop_signal(sv->stop) != 0)
        status = AKI_OK; /* asked to end while loading: not a failure */
    if (status != AKI_OK)
        return status;
    if (stop_signal(sv->stop) == 0)
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET,
                  "try: curl -s %s/api/v1/embed -H 'content-type: application/json' -d '{\"texts\":[\"hello "
                  "world\"]}'",
                  url);
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
    aki_status status = stop_open(&sv.stop, EXIT_FAILED, &error);
    if (status == AKI_OK)
        status = serve(&sv, &error);
    if (status != AKI_OK)
        message_error(&error);
    server_close(sv.server);
    encoder_close(sv.encoder);
    log_writer_close(sv.writer);
    stop_close(sv.stop);
    return status == AKI_OK ? EXIT_DONE : EXIT_FAILED;
}
