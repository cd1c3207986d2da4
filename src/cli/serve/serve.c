/* akidb-embed serve: opens the port, finds and loads the model, serves until a signal comes. */
#include "cli/options/commands.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/serve/activation.h"
#include "cli/device_source.h"
#include "cli/serve/hangup.h"
#include "cli/serve/load_trace.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "cli/serve/notify.h"
#include "cli/serve/published_weights.h"
#include "cli/serve/announce.h"
#include "cli/serve/serve_options.h"
#include "engine/encoder.h"
#include "kernels/precision.h"
#include "model/modules.h"
#include "serving/memory_budget.h"
#include "server/server.h"
#include "telemetry/log_writer.h"
#include "telemetry/telemetry.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_TARGET "serve"
#define READY_MESSAGE "READY=1\nSTATUS=serving"
/* Time for telemetry after the server has stopped: the rest of the drain's time, within these bounds. */
#define FLUSH_MOST_MS 5000
#define FLUSH_LEAST_MS 500
/* Time after the drain for the last replies, the flush and the closing of everything: about 3 s in the normal case.
 * After that a worker or a device is not expected to return, and the process is ended without it. */
#define END_MS 10000

typedef struct service {
    const options *options;
    stop *stop;
    hangup *hangup;
    log_writer *writer;
    log_sink log;
    telemetry *telemetry;
    server *server;
    encoder *encoder;
    char *model_name;
    const char *folder; /* of the model, while it is loaded */
    int64_t end_ns;     /* when a drain must be over; 0 = none was begun */
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

static uint64_t log_dropped(void *cookie)
{
    return log_writer_dropped(cookie);
}

static server_settings settings_of(service *sv)
{
    server_settings settings;
    server_settings_init(&settings);
    serve_options_read(sv->options, &settings);
    settings.model_name = sv->model_name;
    settings.inherited = sv->sockets.clients;
    settings.inherited_count = sv->sockets.clients_count;
    settings.inherited_admin = sv->sockets.admin;
    settings.inherited_admin_count = sv->sockets.admin_count;
    settings.on_heartbeat = give_sign_of_life;
    settings.weights_are_published = weights_are_published;
    settings.cookie = sv;
    settings.log = sv->log;
    settings.tracer = telemetry_tracer(sv->telemetry);
    settings.joins_traces = telemetry_joins_traces(sv->telemetry);
    settings.keeps_exemplars = telemetry_keeps_exemplars(sv->telemetry);
    settings.log_dropped = log_dropped;
    settings.log_dropped_cookie = sv->writer;
    return settings;
}

/* The least that a model can take: its matrices, which are most of it, in the narrowest precision. What is hopeless is refused
 * before anything was read. */
static aki_status check_memory(const char *folder, aki_error *error)
{
    enum { NARROWEST_SHARE = 8 };
    char *path = NULL;
    struct stat info;
    memory_budget budget;
    bool found = modules_find_weights(&path, folder, NULL) == AKI_OK && stat(path, &info) == 0;
    mem_free(path);
    if (!found)
        return AKI_OK; /* encoder_open says why */
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
        device_source source;
        device_source_read(&source, o);
        if (status == AKI_OK)
            status = encoder_choose_device(sv->encoder, &source.choice, error);
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
    sv->model_name = serve_options_model_name(sv->options);
    if (sv->model_name == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the model's name");
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
    serve_announce_listening(sv->options, sv->server, &sv->sockets, &sv->log);
    notify_send(&sv->manager, "STATUS=loading the model");
    status = load_model(sv, error);
    if (stop_signal(sv->stop) != 0)
        status = AKI_OK; /* asked to end while loading: not a failure */
    if (status != AKI_OK)
        return status;
    if (stop_signal(sv->stop) == 0)
        serve_announce_example(sv->options, sv->server, &sv->log);
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
    sv->end_ns = clock_monotonic_ns() + (settings.drain_delay_ms + settings.drain_timeout_ms) * NS_PER_MS;
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

static int64_t flush_ms(const service *sv)
{
    if (sv->end_ns == 0)
        return FLUSH_MOST_MS;
    const int64_t left_ms = (sv->end_ns - clock_monotonic_ns()) / NS_PER_MS;
    return left_ms < FLUSH_LEAST_MS ? FLUSH_LEAST_MS : left_ms < FLUSH_MOST_MS ? left_ms : FLUSH_MOST_MS;
}

int command_serve(const options *o)
{
    aki_error error;
    service sv = {.options = o};
    aki_status status = serve_options_check(o, &error);
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
        status = stop_open_limited(
            &sv.stop, EXIT_FAILED,
            option_number(o, OPTION_DRAIN_DELAY) + option_number(o, OPTION_DRAIN_TIMEOUT) + END_MS, &error);
    if (status == AKI_OK)
        status = serve(&sv, &error);
    if (status != AKI_OK)
        message_error(&error);
    server_stop(sv.server); /* before the flush: a collector that hangs must not hold up the last replies */
    telemetry_finish(sv.telemetry, flush_ms(&sv));
    server_close(sv.server);
    encoder_close(sv.encoder);
    telemetry_close(sv.telemetry);
    log_writer_close(sv.writer);
    notify_close(&sv.manager);
    stop_close(sv.stop);
    hangup_close(sv.hangup);
    mem_free(sv.model_name);
    return status == AKI_OK ? EXIT_DONE : EXIT_FAILED;
}
