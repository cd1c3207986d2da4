#include "telemetry/metric_table.h"

#define BOUNDS(array) .bounds = array, .bound_count = sizeof(array) / sizeof *(array)

static const char *const outcomes[] = {"success", "error", NULL};
static const char *const classes[] = {"interactive", "bulk", NULL};
static const char *const cache_results[] = {"hit", "miss", NULL};
static const char *const routes[] = {"/api/v1/embed",
                                     "/v1/embeddings",
                                     "/embed",
                                     "/similarity",
                                     "/api/embed",
                                     "/api/embeddings",
                                     "/v1/embed",
                                     "/v2/embed",
                                     "/v2/models/infer",
                                     "/vectors",
                                     "/tei.v1.Embed/Embed",
                                     "/inference.GRPCInferenceService/ModelInfer",
                                     "/embedding",
                                     "/embed_all",
                                     "/embed_sparse",
                                     "/rerank",
                                     "/v1/score",
                                     "/pooling",
                                     "/classify",
                                     "/predict",
                                     "/tei.v1.Embed/EmbedStream",
                                     "grpc",
                                     "/v1/models",
                                     "/tokenize",
                                     "/decode",
                                     "/info",
                                     "/health",
                                     "/api/tags",
                                     "/api/show",
                                     "/api/ps",
                                     "/api/version",
                                     "/api/pull",
                                     "/v2",
                                     "/meta",
                                     "/openapi.json",
                                     "/ui",
                                     "/health/live",
                                     "/health/ready",
                                     "/metrics",
                                     "/",
                                     "/admin/breaker",
                                     "/admin/models",
                                     "other",
                                     NULL};
static const char *const status_classes[] = {"2xx", "3xx", "4xx", "5xx", "aborted", NULL};
static const char *const rejections[] = {"queue_full", "wait_too_long", "concurrency_limit", NULL};
static const char *const devices[] = {"gpu", "cpu", NULL};
static const char *const levels[] = {"cpu", "cache", "none", NULL};
static const char *const call_outcomes[] = {"success", "failure", "ignored", NULL};
static const char *const breaker_states[METRIC_BREAKER_STATES + 1] = {
    "closed", "half_open", "open", "forced_open", "disabled", "metrics_only", NULL};
static const char *const span_drops[] = {"queue_full", "export_failed", "rejected", NULL};

static const metric_label by_device = {"device", devices};
static const metric_label by_level = {"level", levels};
static const metric_label by_outcome = {"outcome", call_outcomes};
static const metric_label by_from = {"from", breaker_states};
static const metric_label by_to = {"to", breaker_states};
static const metric_label by_status = {"status", outcomes};
static const metric_label by_class = {"class", classes};
static const metric_label by_result = {"result", cache_results};
static const metric_label by_route = {"route", routes};
static const metric_label by_code = {"code", status_classes};
static const metric_label by_reason = {"reason", rejections};
static const metric_label by_drop = {"reason", span_drops};
static const metric_label by_model = {"model", NULL, METRIC_MODELS};
static const metric_label by_error = {"code", NULL, METRIC_ERROR_CODES};

static const double request_seconds[] = {.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5};
static const double batch_texts[] = {1, 2, 4, 8, 16, 32, 64, 128};
static const double wait_seconds[] = {.001, .002, .005, .01, .02, .05, .1, .2};
static const double load_seconds[] = {.1, .2, .5, 1, 2, 5, 10, 30};
static const double inference_seconds[] = {.001, .002, .005, .01, .02, .05, .1, .2, .5};
static const double tokenize_seconds[] = {.00001, .00003, .0001, .0003, .001, .003, .01, .03, .1};
static const double pass_tokens[] = {16, 32, 64, 128, 192, 256, 320, 384, 448, 512, 1024, 2048, 4096, 8192};
static const double fill_ratio[] = {.1, .2, .3, .4, .5, .6, .7, .8, .9, 1};

const metric metric_table[] = {
    [METRIC_REQUESTS] = {"candle_requests_total", NULL, "Embedding requests received.", METRIC_COUNTER},
    [METRIC_REQUESTS_IN_FLIGHT] = {"candle_requests_in_flight", NULL,
                                   "Embedding requests received and not yet answered.", METRIC_GAUGE},
    [METRIC_REQUEST_DURATION] = {"candle_request_duration_seconds", "seconds",
                                 "Time from an embedding request's headers to its reply.", METRIC_HISTOGRAM,
                                 .labels = {&by_status}, BOUNDS(request_seconds)},
    [METRIC_ERRORS] = {"candle_errors_total", NULL,
                       "Embedding requests that were not answered with vectors, clients that left included.",
                       METRIC_COUNTER},
    [METRIC_BREAKER_STATE] = {"candle_circuit_breaker_state", NULL,
                              "State of the device's circuit breaker: 0 closed, 1 half-open, 2 open.",
                              METRIC_GAUGE, METRIC_READ},
    [METRIC_BATCH_SIZE] = {"candle_batch_size", NULL, "Texts in a pass through the model.", METRIC_HISTOGRAM,
                           BOUNDS(batch_texts)},
    [METRIC_BATCH_WAIT] = {"candle_batch_wait_seconds", "seconds",
                           "Time that a request waited for its first pass.", METRIC_HISTOGRAM,
                           BOUNDS(wait_seconds)},
    [METRIC_MODEL_LOAD_DURATION] = {"candle_model_load_duration_seconds", "seconds",
                                    "Time to load the model and pack its weights.", METRIC_HISTOGRAM,
                                    BOUNDS(load_seconds)},
    [METRIC_INFERENCE_DURATION] = {"candle_model_inference_duration_seconds", "seconds",
                                   "Time of one pass through the model.", METRIC_HISTOGRAM,
                                   BOUNDS(inference_seconds)},
    [METRIC_GPU_UTILIZATION] = {"candle_gpu_utilization_percent", "percent",
                                "Utilization of the busiest GPU; 0 where there is none.", METRIC_GAUGE,
                                METRIC_READ},
    [METRIC_MEMORY_USAGE] = {"candle_memory_usage_bytes", "bytes", "Resident memory of the process.",
                             METRIC_GAUGE, METRIC_READ},

    [METRIC_HTTP_REQUESTS] = {"akidb_embed_http_requests_total", NULL,
                              "HTTP requests by route and class of status.", METRIC_COUNTER,
                              .labels = {&by_route, &by_code}},
    [METRIC_ERRORS_BY_CODE] = {"akidb_embed_errors_total", NULL,
                               "Error replies on any route, by the code in their body.", METRIC_COUNTER,
                               .labels = {&by_error}},
    [METRIC_REJECTED] = {"akidb_embed_rejected_total",
                         NULL,
                         "Embedding requests refused because of the load, by what was exhausted.",
                         METRIC_COUNTER,
                         METRIC_READ,
                         {&by_reason}},
    [METRIC_CONNECTIONS_REFUSED] = {"akidb_embed_connections_refused_total", NULL,
                                    "Connections refused because too many were open.", METRIC_COUNTER},
    [METRIC_TEXTS] = {"akidb_embed_texts_total", NULL, "Texts turned into vectors.", METRIC_COUNTER,
                      .labels = {&by_model}},
    [METRIC_TOKENS] = {"akidb_embed_tokens_total", NULL, "Tokens of these texts, special ones included.",
                       METRIC_COUNTER, .labels = {&by_model}},
    [METRIC_TRUNCATIONS] = {"akidb_embed_truncations_total", NULL, "Texts cut at the model's limit.",
                            METRIC_COUNTER},
    [METRIC_TOKENIZE_DURATION] = {"akidb_embed_tokenize_duration_seconds", "seconds",
                                  "Time to tokenize the texts of a request.", METRIC_HISTOGRAM,
                                  BOUNDS(tokenize_seconds)},
    [METRIC_REQUESTS_WITHIN_OBJECTIVE] =
        {"akidb_embed_requests_within_objective_total", NULL,
         "Embedding requests answered with vectors within 35 ms, the objective of latency.", METRIC_COUNTER},

    [METRIC_READY] = {"akidb_embed_ready", NULL, "1 while /health/ready answers 200, else 0.", METRIC_GAUGE,
                      METRIC_READ},
    [METRIC_LIVE] = {"akidb_embed_live", NULL, "1 while /health/live answers 200, else 0.", METRIC_GAUGE,
                     METRIC_READ},
    [METRIC_MEMORY_LIMIT] = {"akidb_embed_memory_limit_bytes", "bytes",
                             "Value of --memory-limit: with more resident memory the instance is not ready.",
                             METRIC_GAUGE, METRIC_READ},
    [METRIC_GROUP_MEMORY_LIMIT] =
        {"akidb_embed_cgroup_memory_limit_bytes", "bytes",
         "Memory limit of the control group that is nearest to its limit; 0 where none has one.",
         METRIC_GAUGE, METRIC_READ},
    [METRIC_GROUP_MEMORY_USAGE] =
        {"akidb_embed_cgroup_memory_usage_bytes", "bytes",
         "Memory taken in that control group, without page cache that can be given back.", METRIC_GAUGE,
         METRIC_READ},
    [METRIC_CERTIFICATE_END] = {"akidb_embed_tls_certificate_end_timestamp_seconds", "seconds",
                                "When the TLS certificate in use ends, since the Unix epoch; of a chain the "
                                "one that ends first; 0 without TLS.",
                                METRIC_GAUGE, METRIC_READ},

    [METRIC_MODEL_READY] = {"akidb_embed_model_ready",
                            NULL,
                            "1 while the model is loaded and checked, else 0.",
                            METRIC_GAUGE,
                            METRIC_READ,
                            {&by_model}},
    [METRIC_MODEL_REQUESTS] = {"akidb_embed_model_requests_total",
                               NULL,
                               "Embedding requests that went to the model.",
                               METRIC_COUNTER,
                               METRIC_READ,
                               {&by_model}},
    [METRIC_MODEL_RESIDENT_BYTES] = {"akidb_embed_model_resident_bytes",
                                     "bytes",
                                     "Memory that the model takes: weights, those included that it shares "
                                     "with other models, buffers of its workers, caches.",
                                     METRIC_GAUGE,
                                     METRIC_READ,
                                     {&by_model}},
    [METRIC_MODEL_LOADS] = {"akidb_embed_model_loads_total",
                            NULL,
                            "Times that the model was loaded.",
                            METRIC_COUNTER,
                            METRIC_READ,
                            {&by_model}},
    [METRIC_MODEL_LOAD_SECONDS] = {"akidb_embed_model_load_seconds_total",
                                   "seconds",
                                   "Time that these loads took, with warming up and checking.",
                                   METRIC_COUNTER,
                                   METRIC_READ,
                                   {&by_model}},
    [METRIC_MODEL_LOAD_FAILURES] = {"akidb_embed_model_load_failures_total",
                                    NULL,
                                    "Loads of the model that failed.",
                                    METRIC_COUNTER,
                                    METRIC_READ,
                                    {&by_model}},
    [METRIC_MODEL_LOAD_WAITS] = {"akidb_embed_model_load_waits_total",
                                 NULL,
                                 "Requests that waited for the model to be loaded.",
                                 METRIC_COUNTER,
                                 METRIC_READ,
                                 {&by_model}},
    [METRIC_MODEL_EVICTIONS] = {"akidb_embed_model_evictions_total",
                                NULL,
                                "Times that the model was unloaded to make room for another one.",
                                METRIC_COUNTER,
                                METRIC_READ,
                                {&by_model}},
    [METRIC_MODEL_IDLE_UNLOADS] =
        {"akidb_embed_model_idle_unloads_total",
         NULL,
         "Times that the model was unloaded because nobody used it, or an operator asked for it.",
         METRIC_COUNTER,
         METRIC_READ,
         {&by_model}},
    [METRIC_MODELS_MEMORY_BUDGET] = {"akidb_embed_models_memory_budget_bytes", "bytes",
                                     "Value of --models-memory-mb; 0 = models are not limited.", METRIC_GAUGE,
                                     METRIC_READ},
    [METRIC_MODELS_MEMORY] =
        {"akidb_embed_models_memory_bytes", "bytes",
         "Memory that all models take of the budget; weights that several share count once.", METRIC_GAUGE,
         METRIC_READ},

    [METRIC_QUEUE_REQUESTS] = {"akidb_embed_queue_requests",
                               NULL,
                               "Requests waiting for their first pass.",
                               METRIC_GAUGE,
                               METRIC_READ,
                               {&by_class}},
    [METRIC_QUEUE_TOKENS] = {"akidb_embed_queue_tokens",
                             NULL,
                             "Tokens waiting for a pass.",
                             METRIC_GAUGE,
                             METRIC_READ,
                             {&by_class}},
    [METRIC_QUEUE_AGE] = {"akidb_embed_queue_age_seconds",
                          "seconds",
                          "How long the oldest waiting request has been waiting.",
                          METRIC_GAUGE,
                          METRIC_READ,
                          {&by_class}},
    [METRIC_PASS_TOKENS] = {"akidb_embed_pass_tokens", NULL, "Tokens in a pass through the model.",
                            METRIC_HISTOGRAM, BOUNDS(pass_tokens)},
    [METRIC_PASS_FILL] = {"akidb_embed_pass_fill_ratio", "ratio",
                          "Share of the token budget that a pass used.", METRIC_HISTOGRAM,
                          BOUNDS(fill_ratio)},
    [METRIC_CACHE] = {"akidb_embed_cache_lookups_total",
                      NULL,
                      "Lookups of texts in the result cache.",
                      METRIC_COUNTER,
                      METRIC_READ,
                      {&by_result}},
    [METRIC_CACHE_BYTES] = {"akidb_embed_cache_bytes", "bytes", "Memory of the result cache.", METRIC_GAUGE,
                            METRIC_READ},
    [METRIC_CACHE_DROPPED] =
        {"akidb_embed_cache_dropped_total", NULL,
         "Cached results dropped because their device was found to compute wrong vectors.", METRIC_COUNTER,
         METRIC_READ},
    [METRIC_PREFIX] = {"akidb_embed_prefix_cache_lookups_total",
                       NULL,
                       "Texts of causal models whose beginning was looked for among those already computed.",
                       METRIC_COUNTER,
                       METRIC_READ,
                       {&by_result}},
    [METRIC_PREFIX_COMPUTED] = {"akidb_embed_prefix_cache_computed_total", NULL,
                                "Beginnings of texts, such as instructions, that were computed and kept.",
                                METRIC_COUNTER, METRIC_READ},
    [METRIC_PREFIX_SAVED] = {"akidb_embed_prefix_cache_saved_tokens_total", NULL,
                             "Tokens of texts that were not computed again.", METRIC_COUNTER, METRIC_READ},
    [METRIC_PREFIX_BYTES] = {"akidb_embed_prefix_cache_bytes", "bytes",
                             "Memory of the beginnings of texts that are kept.", METRIC_GAUGE, METRIC_READ},
    [METRIC_CONNECTIONS] = {"akidb_embed_connections", NULL, "Open client connections.", METRIC_GAUGE,
                            METRIC_READ},
    [METRIC_LOG_DROPPED] = {"akidb_embed_log_lines_dropped_total", NULL,
                            "Log lines lost because they could not be written fast enough, or at all.",
                            METRIC_COUNTER, METRIC_READ},

    [METRIC_FALLBACK] =
        {"akidb_embed_fallback_total",
         NULL,
         "Requests that the best device could not serve, by what served them; none = they were refused.",
         METRIC_COUNTER,
         METRIC_READ,
         {&by_level}},
    [METRIC_DEVICE_CALLS] = {"akidb_embed_device_calls_total",
                             NULL,
                             "Passes given to a device, by how they counted for its circuit breaker.",
                             METRIC_COUNTER,
                             METRIC_READ,
                             {&by_device, &by_outcome}},
    [METRIC_DEVICE_GIVEN_UP] = {"akidb_embed_device_calls_abandoned_total", NULL,
                                "Passes given up because the device took too long.", METRIC_COUNTER,
                                METRIC_READ},
    [METRIC_DEVICE_OUT] = {"akidb_embed_device_calls_out", NULL,
                           "Passes given up that have not come back from the device.", METRIC_GAUGE,
                           METRIC_READ},
    [METRIC_DEVICE_WRONG] = {"akidb_embed_device_wrong_vectors_total",
                             NULL,
                             "Health probes that found a device's vector wrong.",
                             METRIC_COUNTER,
                             METRIC_READ,
                             {&by_device}},
    [METRIC_DEVICE_BREAKER] =
        {"akidb_embed_circuit_breaker_state",
         NULL,
         "State of each device's circuit breaker: 0 closed, 1 half-open, 2 open, 3 forced open, "
         "4 disabled, 5 metrics only.",
         METRIC_GAUGE,
         METRIC_READ,
         {&by_device}},
    [METRIC_BREAKER_TRANSITIONS] = {"akidb_embed_circuit_breaker_transitions_total",
                                    NULL,
                                    "Changes of a circuit breaker's state.",
                                    METRIC_COUNTER,
                                    METRIC_READ,
                                    {&by_device, &by_from, &by_to}},
    [METRIC_BREAKER_REFUSED] = {"akidb_embed_circuit_breaker_not_permitted_total",
                                NULL,
                                "Passes that a circuit breaker kept from its device.",
                                METRIC_COUNTER,
                                METRIC_READ,
                                {&by_device}},
    [METRIC_BREAKER_LATE] = {"akidb_embed_circuit_breaker_late_total",
                             NULL,
                             "Outcomes that came after the breaker had changed its state, and did not count.",
                             METRIC_COUNTER,
                             METRIC_READ,
                             {&by_device}},
    [METRIC_RETRIES] = {"akidb_embed_retries_total", NULL, "Passes tried again on the same device.",
                        METRIC_COUNTER, METRIC_READ},
    [METRIC_RETRIES_REFUSED] = {"akidb_embed_retry_budget_exhausted_total", NULL,
                                "Passes not tried again because too many recent ones were.", METRIC_COUNTER,
                                METRIC_READ},

    [METRIC_SPANS_EXPORTED] = {"akidb_embed_spans_exported_total", NULL,
                               "Spans that a collector of traces took.", METRIC_COUNTER, METRIC_READ},
    [METRIC_SPANS_DROPPED] = {"akidb_embed_spans_dropped_total",
                              NULL,
                              "Spans that no collector got, by what became of them.",
                              METRIC_COUNTER,
                              METRIC_READ,
                              {&by_drop}},

    [METRIC_PROCESS_CPU] = {"process_cpu_seconds_total", "seconds", "User and system CPU time spent.",
                            METRIC_COUNTER, METRIC_READ},
    [METRIC_PROCESS_OPEN_FDS] = {"process_open_fds", NULL, "Open file descriptors.", METRIC_GAUGE,
                                 METRIC_READ},
    [METRIC_PROCESS_MAX_FDS] = {"process_max_fds", NULL, "Limit on open file descriptors.", METRIC_GAUGE,
                                METRIC_READ},
    [METRIC_PROCESS_VIRTUAL_BYTES] = {"process_virtual_memory_bytes", "bytes", "Virtual memory size.",
                                      METRIC_GAUGE, METRIC_READ},
    [METRIC_PROCESS_RESIDENT_BYTES] = {"process_resident_memory_bytes", "bytes", "Resident memory size.",
                                       METRIC_GAUGE, METRIC_READ},
    [METRIC_PROCESS_START] = {"process_start_time_seconds", "seconds",
                              "Start time of the process since the Unix epoch.", METRIC_GAUGE, METRIC_READ},
    [METRIC_PROCESS_THREADS] = {"process_threads", NULL, "Threads of the process.", METRIC_GAUGE,
                                METRIC_READ},
    [METRIC_BUILD_INFO] = {"akidb_embed_build_info", NULL, "Version, CPU tier and precision in use.",
                           METRIC_INFO},
};

const char *metric_route_name(metric_route route)
{
    return routes[route];
}

size_t metric_label_values(const metric_label *label, const metric_names *domains)
{
    size_t count = 0;
    if (label->values == NULL)
        return domains[label->domain].count;
    while (label->values[count] != NULL)
        count++;
    return count;
}

size_t metric_series(const metric *m, const metric_names *domains)
{
    size_t series = 1;
    for (size_t i = 0; i < METRIC_MAX_LABELS && m->labels[i] != NULL; i++)
        series *= metric_label_values(m->labels[i], domains);
    return series;
}
