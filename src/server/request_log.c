#include "server/exchange.h"

#include "base/clock.h"

#include <stdio.h>

#define ACCESS_TARGET "access"
#define ERROR_TARGET "http"
#define SPAN_NAME_OF_REQUEST "embedding_request"
#define MAX_FIELDS 20

/* One line in the making. */
typedef struct line {
    log_field fields[MAX_FIELDS];
    size_t count;
    char message[200];
} line;

static void add(line *l, log_field field)
{
    if (l->count < MAX_FIELDS)
        l->fields[l->count++] = field;
}

static double milliseconds(int64_t ns)
{
    return (double)ns / NS_PER_MS;
}

static bool embeds(const exchange *x)
{
    return metric_route_embeds(x->kind);
}

/* Probes and scrapes come every few seconds for ever. */
static aki_log_level level_of(const exchange *x)
{
    return x->kind == METRIC_ROUTE_LIVE || x->kind == METRIC_ROUTE_READY || x->kind == METRIC_ROUTE_HEALTH ||
                   x->kind == METRIC_ROUTE_METRICS
               ? AKI_LOG_DEBUG
               : AKI_LOG_INFO;
}

static void write_line(const exchange *x, aki_log_level level, const char *target, const char *repeat_key,
                       const line *l)
{
    log_emit(&x->owner->settings.log, &(log_event){.level = level,
                                                   .target = target,
                                                   .message = l->message,
                                                   .repeat_key = repeat_key,
                                                   .keep_repeats = repeat_key == NULL,
                                                   .fields = l->fields,
                                                   .fields_count = l->count,
                                                   .span = embeds(x) ? SPAN_NAME_OF_REQUEST : NULL,
                                                   .request_id = x->request_id,
                                                   .trace_id = x->trace.traced ? x->trace.trace_id : NULL,
                                                   .span_id = x->trace.span_id});
}

static void begin_line(const exchange *x, line *l)
{
    l->count = 0;
    add(l, log_text("method", x->method));
    add(l, log_text("route", x->route != NULL ? x->route->path : metric_route_name(x->kind)));
    add(l, log_integer("status", x->status));
    if (x->failed)
        add(l, log_text("code", http_error_name(x->error.code)));
}

static void add_timings(const exchange *x, int64_t total_ns, line *l)
{
    const request_facts *facts = &x->facts;
    if (facts->texts > 0) {
        add(l, log_integer("texts", (int64_t)facts->texts));
        add(l, log_integer("tokens", (int64_t)facts->tokens));
        add(l, log_integer("truncated", (int64_t)facts->truncated));
        add(l, log_real("queue_ms", milliseconds(facts->queue_ns)));
        add(l, log_real("tokenize_ms", milliseconds(facts->tokenize_ns)));
        add(l, log_real("inference_ms", milliseconds(facts->inference_ns)));
    }
    add(l, log_real("total_ms", milliseconds(total_ns)));
    add(l, log_integer("bytes_in", (int64_t)x->body_seen));
    add(l, log_integer("bytes_out", (int64_t)(x->reply_held + x->reply_told)));
    if (x->client_name[0] != '\0')
        add(l, log_text("client", x->client_name));
    if (facts->first_text[0] != '\0')
        add(l, log_text("first_text", facts->first_text));
}

static void say_access(exchange *x, bool whole, int64_t total_ns, aki_log_level level)
{
    uint64_t left_out = 0;
    /* A line that the filter drops anyway takes no other one's place. */
    if (!log_wants(&x->owner->settings.log, level, ACCESS_TARGET) ||
        !access_sampler_admit(&x->owner->access, x->ended_ns, &left_out))
        return;
    line l;
    begin_line(x, &l);
    add_timings(x, total_ns, &l);
    if (!whole)
        add(&l, log_boolean("connection_lost", true));
    if (left_out > 0)
        add(&l, log_integer("left_out", (int64_t)left_out));
    snprintf(l.message, sizeof l.message, "request %s %s %s: %u in %.3f ms%s", x->request_id, x->method,
             x->route != NULL ? x->route->path : metric_route_name(x->kind), x->status,
             milliseconds(total_ns), whole ? "" : ", connection lost");
    write_line(x, level, ACCESS_TARGET, NULL, &l);
}

/* Where most of the time went. */
static const char *slowest_part(const request_facts *facts, int64_t total_ns)
{
    const int64_t rest_ns = total_ns - facts->queue_ns - facts->tokenize_ns - facts->inference_ns;
    const char *name = "transfer";
    int64_t most_ns = rest_ns;
    const struct {
        const char *name;
        int64_t ns;
    } parts[] = {
        {"queue", facts->queue_ns}, {"tokenize", facts->tokenize_ns}, {"inference", facts->inference_ns}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].ns > most_ns) {
            most_ns = parts[i].ns;
            name = parts[i].name;
        }
    }
    return name;
}

static void say_slow(const exchange *x, int64_t total_ns)
{
    const int64_t limit_ms = x->owner->settings.slow_request_ms;
    if (!embeds(x) || limit_ms == 0 || total_ns < limit_ms * NS_PER_MS)
        return;
    line l;
    begin_line(x, &l);
    add_timings(x, total_ns, &l);
    add(&l, log_text("most_of_it", slowest_part(&x->facts, total_ns)));
    snprintf(l.message, sizeof l.message, "slow request: %.0f ms, most of it %s", milliseconds(total_ns),
             slowest_part(&x->facts, total_ns));
    write_line(x, AKI_LOG_WARN, ACCESS_TARGET, "slow", &l);
}

/* Faults of this program are errors, troubles of its surroundings warnings; those of the client are the client's. */
static aki_log_level level_of_error(http_error_code code)
{
    const unsigned status = http_error_status(code);
    if (status == 500)
        return AKI_LOG_ERROR;
    if (code == HTTP_ERROR_NOT_IMPLEMENTED || code == HTTP_ERROR_VERSION)
        return AKI_LOG_DEBUG;
    return status > 500 || status == 429 ? AKI_LOG_WARN : AKI_LOG_DEBUG;
}

/* Messages about what a client sent may quote it. */
static bool may_tell_message(const exchange *x)
{
    const unsigned status = http_error_status(x->error.code);
    return x->owner->settings.log_texts || status >= 429;
}

/* The name of an unknown field is the client's invention. */
static bool may_tell_param(const exchange *x)
{
    return x->owner->settings.log_texts || x->error.code != HTTP_ERROR_UNKNOWN_FIELD;
}

static void say_error(const exchange *x)
{
    const aki_log_level level = level_of_error(x->error.code);
    if (!x->failed || !log_wants(&x->owner->settings.log, level, ERROR_TARGET))
        return;
    const char *name = http_error_name(x->error.code);
    line l;
    begin_line(x, &l);
    if (x->error.param[0] != '\0' && may_tell_param(x))
        add(&l, log_text("param", x->error.param));
    if (may_tell_message(x))
        add(&l, log_text("reason", x->error.message));
    add(&l, log_text("hint", http_error_hint(x->error.code)));
    if (x->client_name[0] != '\0')
        add(&l, log_text("client", x->client_name));
    snprintf(l.message, sizeof l.message, "request failed: %s", name);
    write_line(x, level, ERROR_TARGET, name, &l);
}

void request_log_end(exchange *x, bool whole)
{
    const int64_t total_ns = x->ended_ns - x->arrived_ns;
    say_error(x);
    say_slow(x, total_ns);
    say_access(x, whole, total_ns, level_of(x));
}
