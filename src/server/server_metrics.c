#include "server/server_metrics.h"

#include "base/clock.h"
#include "kernels/precision.h"
#include "server/handlers.h"
#include "server/models.h"
#include "serving/memory_budget.h"
#include "telemetry/process_stats.h"

#include <string.h>

/* The longest request that METRIC_REQUESTS_WITHIN_OBJECTIVE counts. */
#define OBJECTIVE_NS (35 * NS_PER_MS)

static double seconds(int64_t ns)
{
    return (double)ns / NS_PER_S;
}

static scheduler_stats stats_of(const server *s)
{
    model_totals totals;
    models_read_totals(s, &totals);
    return totals.stats;
}

static const scheduler_class_stats *class_of(const scheduler_stats *stats, size_t series)
{
    return series == METRIC_BULK ? &stats->bulk : &stats->interactive;
}

static double read_queue_requests(void *cookie, size_t series)
{
    scheduler_stats stats = stats_of(cookie);
    return (double)class_of(&stats, series)->waiting_requests;
}

static double read_queue_tokens(void *cookie, size_t series)
{
    scheduler_stats stats = stats_of(cookie);
    return (double)class_of(&stats, series)->waiting_tokens;
}

static double read_queue_age(void *cookie, size_t series)
{
    scheduler_stats stats = stats_of(cookie);
    return seconds(class_of(&stats, series)->oldest_ns);
}

static double read_rejected(void *cookie, size_t series)
{
    scheduler_stats stats = stats_of(cookie);
    switch ((metric_rejection)series) {
    case METRIC_REJECTED_FULL:
        return (double)stats.refused_full;
    case METRIC_REJECTED_WAIT:
        return (double)stats.refused_wait;
    case METRIC_REJECTED_LIMIT:
        break;
    }
    return (double)stats.refused_limit;
}

static double read_cache(void *cookie, size_t series)
{
    scheduler_stats stats = stats_of(cookie);
    return (double)(series == METRIC_CACHE_HIT ? stats.cache.hits : stats.cache.misses);
}

static double read_cache_bytes(void *cookie, size_t series)
{
    (void)series;
    return (double)stats_of(cookie).cache.bytes;
}

static double read_cache_dropped(void *cookie, size_t series)
{
    (void)series;
    return (double)stats_of(cookie).cache.dropped;
}

static double read_prefix(void *cookie, size_t series)
{
    scheduler_stats stats = stats_of(cookie);
    return (double)(series == METRIC_CACHE_HIT ? stats.prefixes.hits : stats.prefixes.misses);
}

static double read_prefix_computed(void *cookie, size_t series)
{
    (void)series;
    return (double)stats_of(cookie).prefixes.computed;
}

static double read_prefix_saved(void *cookie, size_t series)
{
    (void)series;
    return (double)stats_of(cookie).prefixes.saved_tokens;
}

static double read_prefix_bytes(void *cookie, size_t series)
{
    (void)series;
    return (double)stats_of(cookie).prefixes.bytes;
}

static double read_log_dropped(void *cookie, size_t series)
{
    (void)series;
    const server_settings *settings = &((const server *)cookie)->settings;
    return settings->log_dropped != NULL ? (double)settings->log_dropped(settings->log_dropped_cookie) : 0;
}

static double read_connections(void *cookie, size_t series)
{
    (void)series;
    const server *s = cookie;
    return http_front_connections(s->front);
}

static double read_memory(void *cookie, size_t series)
{
    (void)cookie, (void)series;
    return (double)memory_usage_bytes();
}

static double read_ready(void *cookie, size_t series)
{
    (void)series;
    return health_is_ready(cookie);
}

static double read_live(void *cookie, size_t series)
{
    (void)series;
    return watchdog_alive(((const server *)cookie)->watchdog);
}

static double read_memory_limit(void *cookie, size_t series)
{
    (void)series;
    return (double)((const server *)cookie)->settings.memory_limit_bytes;
}

static double read_group_limit(void *cookie, size_t series)
{
    (void)series;
    return (double)watchdog_budget(((const server *)cookie)->watchdog).group_limit_bytes;
}

static double read_group_usage(void *cookie, size_t series)
{
    (void)series;
    return (double)watchdog_budget(((const server *)cookie)->watchdog).group_used_bytes;
}

static double read_certificate_end(void *cookie, size_t series)
{
    (void)series;
    const server *s = cookie;
    return s->tls != NULL ? (double)tls_certificate_end(s->tls) : 0;
}

aki_status server_metrics_open(server *s, aki_error *error)
{
    const char *codes[HTTP_ERROR_TOTAL];
    for (size_t i = 0; i < HTTP_ERROR_TOTAL; i++)
        codes[i] = http_error_name((http_error_code)i);
    /* Named when the models are configured; as many as may come to be. */
    static const char *const unnamed[MODEL_SPECS_MAX] = {NULL};
    const size_t models = s->settings.models_change      ? MODEL_SPECS_MAX
                          : s->settings.models_count > 0 ? s->settings.models_count
                                                         : 1;
    const metric_names domains[METRIC_DOMAINS] = {
        [METRIC_MODELS] = {unnamed, models}, [METRIC_ERROR_CODES] = {codes, HTTP_ERROR_TOTAL}};
    aki_status status = metrics_open(&s->metrics, domains, error);
    if (status != AKI_OK)
        return status;
    metrics *m = s->metrics;
    process_stats_register(m);
    gpu_utilization_register(m);
    metrics_read_by(m, METRIC_MEMORY_USAGE, read_memory, s);
    metrics_read_by(m, METRIC_QUEUE_REQUESTS, read_queue_requests, s);
    metrics_read_by(m, METRIC_QUEUE_TOKENS, read_queue_tokens, s);
    metrics_read_by(m, METRIC_QUEUE_AGE, read_queue_age, s);
    metrics_read_by(m, METRIC_REJECTED, read_rejected, s);
    metrics_read_by(m, METRIC_CACHE, read_cache, s);
    metrics_read_by(m, METRIC_CACHE_BYTES, read_cache_bytes, s);
    metrics_read_by(m, METRIC_CACHE_DROPPED, read_cache_dropped, s);
    metrics_read_by(m, METRIC_PREFIX, read_prefix, s);
    metrics_read_by(m, METRIC_PREFIX_COMPUTED, read_prefix_computed, s);
    metrics_read_by(m, METRIC_PREFIX_SAVED, read_prefix_saved, s);
    metrics_read_by(m, METRIC_PREFIX_BYTES, read_prefix_bytes, s);
    metrics_read_by(m, METRIC_CONNECTIONS, read_connections, s);
    metrics_read_by(m, METRIC_LOG_DROPPED, read_log_dropped, s);
    metrics_read_by(m, METRIC_READY, read_ready, s);
    metrics_read_by(m, METRIC_LIVE, read_live, s);
    metrics_read_by(m, METRIC_MEMORY_LIMIT, read_memory_limit, s);
    metrics_read_by(m, METRIC_GROUP_MEMORY_LIMIT, read_group_limit, s);
    metrics_read_by(m, METRIC_GROUP_MEMORY_USAGE, read_group_usage, s);
    metrics_read_by(m, METRIC_CERTIFICATE_END, read_certificate_end, s);
    device_metrics_register(s);
    model_metrics_register(s);
    const char *const labels[] = {"version", aki_version(), NULL};
    return metrics_set_info(m, METRIC_BUILD_INFO, labels, error);
}

aki_status server_metrics_describe(server *s, const encoder *enc, aki_error *error)
{
    aki_model_info info;
    encoder_describe(enc, &info);
    const char *const labels[] = {
        "version",  aki_version(), "model",     model_set_default_name(s->models),
        "cpu_tier", info.cpu_tier, "precision", kernel_precision_name(info.precision),
        NULL};
    return metrics_set_info(s->metrics, METRIC_BUILD_INFO, labels, error);
}

static bool embeds(const exchange *x)
{
    return metric_route_embeds(x->kind);
}

void server_metrics_begin(exchange *x)
{
    if (!embeds(x))
        return;
    metric_shard *shard = metrics_shard(x->owner->metrics);
    metrics_add(shard, METRIC_REQUESTS, 0, 1);
    metrics_change(shard, METRIC_REQUESTS_IN_FLIGHT, 0, 1);
}

static metric_status_class class_of_status(unsigned status, bool whole)
{
    if (!whole || status < 200 || status >= 600)
        return METRIC_STATUS_ABORTED;
    return (metric_status_class)(METRIC_STATUS_2XX + status / 100 - 2);
}

void server_metrics_end(exchange *x, bool whole)
{
    metric_shard *shard = metrics_shard(x->owner->metrics);
    const metric_status_class status = class_of_status(x->status, whole);
    metrics_add(shard, METRIC_HTTP_REQUESTS, x->kind * (METRIC_STATUS_ABORTED + 1) + status, 1);
    if (!embeds(x))
        return;
    const bool success = status == METRIC_STATUS_2XX;
    metrics_change(shard, METRIC_REQUESTS_IN_FLIGHT, 0, -1);
    metrics_add(shard, METRIC_ERRORS, 0, !success);
    const bool keep = x->trace.sampled && x->owner->settings.keeps_exemplars;
    metric_exemplar exemplar;
    memcpy(exemplar.trace_id, x->trace.trace_id, sizeof exemplar.trace_id);
    memcpy(exemplar.span_id, x->trace.span_id, sizeof exemplar.span_id);
    const int64_t duration_ns = x->ended_ns - x->arrived_ns;
    metrics_add(shard, METRIC_REQUESTS_WITHIN_OBJECTIVE, 0, success && duration_ns <= OBJECTIVE_NS);
    metrics_observe(shard, METRIC_REQUEST_DURATION, success ? METRIC_SUCCESS : METRIC_ERROR,
                    seconds(duration_ns), keep ? &exemplar : NULL);
}

void server_metrics_result(const exchange *x, const scheduler_result *result)
{
    metric_shard *shard = metrics_shard(x->owner->metrics);
    size_t tokens = 0, truncated = 0;
    for (size_t i = 0; i < result->count; i++) {
        tokens += result->info[i].tokens;
        truncated += result->info[i].truncated;
    }
    metrics_add(shard, METRIC_TEXTS, model_use_index(x->use), result->count - result->item_errors_count);
    metrics_add(shard, METRIC_TOKENS, model_use_index(x->use), tokens);
    metrics_add(shard, METRIC_TRUNCATIONS, 0, truncated);
    metrics_observe(shard, METRIC_TOKENIZE_DURATION, 0, seconds(result->tokenize_ns), NULL);
    if (result->inference_ns > 0)
        metrics_observe(shard, METRIC_BATCH_WAIT, 0, seconds(result->queue_ns), NULL);
}

void server_metrics_failed(exchange *x)
{
    metrics_add(metrics_shard(x->owner->metrics), METRIC_ERRORS_BY_CODE, x->error.code, 1);
}

void server_metrics_connection_refused(const server *s)
{
    metrics_add(metrics_shard(s->metrics), METRIC_CONNECTIONS_REFUSED, 0, 1);
}

void server_metrics_on_pass(void *cookie, const scheduler_pass *done)
{
    const server *s = cookie;
    metric_shard *shard = metrics_shard(s->metrics);
    metrics_observe(shard, METRIC_BATCH_SIZE, 0, (double)done->texts, NULL);
    metrics_observe(shard, METRIC_PASS_TOKENS, 0, (double)done->tokens, NULL);
    metrics_observe(shard, METRIC_PASS_FILL, 0, (double)done->tokens / (double)done->budget_tokens, NULL);
    metrics_observe(shard, METRIC_INFERENCE_DURATION, 0, seconds(done->duration_ns), NULL);
}
