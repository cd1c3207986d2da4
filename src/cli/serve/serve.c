/* akidb-embed serve: opens the port, finds and loads the model, serves until a signal comes. */
#include "cli/options/commands.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "cli/device_source.h"
#include "cli/message.h"
#include "cli/serve/activation.h"
#include "cli/serve/hangup.h"
#include "cli/serve/model_list.h"
#include "cli/serve/model_loader.h"
#include "cli/serve/notify.h"
#include "cli/serve/serve_options.h"
#include "engine/encoder.h"
#include "kernels/precision.h"
#include "server/server.h"
#include "telemetry/log_writer.h"
#include "telemetry/telemetry.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    model_list models;
    model_loader loader;
    atomic_bool watching; /* the models are being loaded in the background */
    atomic_bool ready;    /* that is told, and will not be told again */
    int64_t end_ns;       /* when a drain must be over; 0 = none was begun */
    activation sockets;   /* that the program was started with */
    notify manager;
} service;

/* One model, named on the command line: it is loaded before all else, and without it the program ends. */
static bool serves_one(const service *sv)
{
    return sv->models.count == 1 && !sv->models.changes;
}

static void tell_ready(service *sv)
{
    atomic_store(&sv->ready, true);
    log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "ready: models are served by their names, %zu in all",
              sv->models.count);
    notify_send(&sv->manager, READY_MESSAGE);
}

static void give_sign_of_life(void *cookie, bool alive)
{
    service *sv = cookie;
    if (alive)
        notify_alive(&sv->manager);
    if (!serves_one(sv) && atomic_load(&sv->watching) && !atomic_load(&sv->ready) &&
        server_models_settled(sv->server))
        tell_ready(sv);
}

static bool weights_are_published(void *cookie, const char *folder)
{
    (void)cookie;
    return published_weights_in(folder);
}

static aki_status find_model(void *cookie, const model_spec *spec, char **folder, model_guess *guess,
                             aki_error *error)
{
    const service *sv = cookie;
    return model_loader_find(&sv->loader, spec, folder, guess, error);
}

static aki_status open_model(void *cookie, const model_spec *spec, const char *folder, encoder **out,
                             aki_error *error)
{
    const service *sv = cookie;
    return model_loader_open_traced(&sv->loader, spec, folder, out, error);
}

static aki_status open_log(service *sv, aki_error *error)
{
    log_filter filter;
    int64_t format = option_number(sv->options, OPTION_LOG_FORMAT);
    bool text = format == 2 || (format == 0 && isatty(STDOUT_FILENO));
    if (!log_filter_parse(&filter, option_text(sv->options, OPTION_LOG)))
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
    settings.models = sv->models.specs;
    settings.models_count = sv->models.count;
    settings.models_change = sv->models.changes;
    settings.find_model = find_model;
    settings.open_model = open_model;
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

/* Finds, opens and warms up the one model; the trace gets its times. The server has the encoder afterwards. */
static aki_status open_one(service *sv, load_trace *trace, const encoder **loaded, aki_error *error)
{
    const model_spec *spec = sv->models.specs;
    char *folder = NULL;
    model_guess guess;
    encoder *enc = NULL;
    aki_status status = model_loader_find(&sv->loader, spec, &folder, &guess, error);
    trace->located_ns = status == AKI_OK ? clock_monotonic_ns() : 0;
    if (status == AKI_OK) {
        status = model_loader_open(&sv->loader, spec, folder, trace, &enc, error);
        server_note_load(sv->server, clock_monotonic_ns() - trace->located_ns);
    }
    if (status == AKI_OK)
        status = server_attach(sv->server, enc, true, folder, error);
    if (status != AKI_OK)
        encoder_close(enc);
    *loaded = status == AKI_OK ? enc : NULL;
    mem_free(folder);
    return status;
}

/* Of the one model, for the line that says that it is ready. */
typedef struct ready_model {
    aki_model_info info;
    size_t dimension, max_tokens;
    double seconds; /* to load it */
} ready_model;

static aki_status load_one(service *sv, ready_model *out, aki_error *error)
{
    const encoder *enc;
    load_trace trace = {.model = sv->models.specs[0].name, .start_ns = clock_monotonic_ns()};
    aki_status status = open_one(sv, &trace, &enc, error);
    trace.end_ns = clock_monotonic_ns();
    load_trace_emit(&trace, telemetry_tracer(sv->telemetry), enc, status == AKI_OK ? NULL : error->message);
    if (status != AKI_OK)
        return status;
    /* Now: once the server manages its models, another one may take its place. */
    encoder_describe(enc, &out->info);
    out->dimension = encoder_dimension(enc);
    out->max_tokens = encoder_max_tokens(enc);
    out->seconds = (double)(trace.end_ns - trace.start_ns) / NS_PER_S;
    return AKI_OK;
}

static void tell_one_ready(service *sv, const ready_model *m)
{
    log_write(
        &sv->log, AKI_LOG_INFO, LOG_TARGET,
        "ready: model %s, dimension %zu, at most %zu tokens per text, CPU tier %s, precision %s, threads %u, "
        "%.2f s to load",
        sv->models.specs[0].name, m->dimension, m->max_tokens, m->info.cpu_tier,
        kernel_precision_name(m->info.precision), m->info.threads, m->seconds);
    notify_send(&sv->manager, READY_MESSAGE);
}

static aki_status load_models(service *sv, aki_error *error)
{
    ready_model one;
    aki_status status = serves_one(sv) ? load_one(sv, &one, error) : AKI_OK;
    if (stop_signal(sv->stop) != 0)
        return AKI_OK; /* asked to end while loading: not a failure */
    if (status == AKI_OK)
        status = server_start_models(sv->server, error);
    if (status != AKI_OK)
        return status;
    if (serves_one(sv))
        tell_one_ready(sv, &one);
    serve_announce_example(sv->options, sv->server, &sv->log);
    atomic_store(&sv->watching, true);
    return AKI_OK;
}

/* Those that the options and the file name now. */
static void reload_models(service *sv)
{
    model_list fresh;
    aki_error error;
    aki_status status = model_list_read(&fresh, sv->options, &error);
    if (status == AKI_OK)
        status = server_configure(sv->server, fresh.specs, fresh.count, &error);
    if (status == AKI_OK)
        log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "%zu models read from %s", fresh.count,
                  option_text(sv->options, OPTION_MODELS));
    else
        log_write(&sv->log, AKI_LOG_ERROR, LOG_TARGET, "the models stay as they were: %s. %s", error.message,
                  error.hint);
    model_list_free(&fresh);
}

static void reload(service *sv)
{
    notify_reloading(&sv->manager);
    server_reload(sv->server);
    if (sv->models.changes)
        reload_models(sv);
    notify_send(&sv->manager, READY_MESSAGE);
}

static aki_status serve(service *sv, aki_error *error)
{
    aki_status status = open_log(sv, error);
    if (status != AKI_OK)
        return status;
    log_write(&sv->log, AKI_LOG_INFO, LOG_TARGET, "akidb-embed %s", aki_version());
    status = open_telemetry(sv, error);
    if (status != AKI_OK)
        return status;
    sv->loader = (model_loader){sv->options, sv->stop, sv->log, telemetry_tracer(sv->telemetry)};
    const server_settings settings = settings_of(sv);
    status = server_open(&sv->server, &settings, error);
    if (status == AKI_OK)
        status = telemetry_watch(sv->telemetry, server_registry(sv->server), error);
    if (status != AKI_OK)
        return status;
    serve_announce_listening(sv->options, sv->server, &sv->sockets, &sv->log);
    notify_send(&sv->manager, "STATUS=loading the model");
    status = load_models(sv, error);
    if (status != AKI_OK)
        return status;
    for (int asked; (asked = hangup_wait(sv->hangup, stop_descriptor(sv->stop))) != 0;) {
        if (asked == SIGHUP)
            reload(sv);
        else
            log_writer_cycle_level(sv->writer);
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
    if (status == AKI_OK)
        status = model_list_read(&sv.models, o, &error);
    if (status != AKI_OK) {
        model_list_free(&sv.models);
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
    telemetry_close(sv.telemetry);
    log_writer_close(sv.writer);
    notify_close(&sv.manager);
    stop_close(sv.stop);
    hangup_close(sv.hangup);
    model_list_free(&sv.models);
    return status == AKI_OK ? EXIT_DONE : EXIT_FAILED;
}
