/* Every metric that the service exposes, in one table: name, type, unit, labels, buckets, help. Registration, both text
 * formats and docs/METRICS.md come from it.
 *
 * Labels are enumerations, so the number of series is fixed when a registry is opened, whatever clients send. */
#ifndef TELEMETRY_METRIC_TABLE_H
#define TELEMETRY_METRIC_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define METRIC_MAX_LABELS 3

typedef enum metric_kind {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
    METRIC_INFO, /* a gauge of 1 whose labels are the message; set once */
} metric_kind;

/* Where a value comes from. */
typedef enum metric_source {
    METRIC_RECORDED, /* added up by the threads that see the events */
    METRIC_READ,     /* asked for at each scrape */
} metric_source;

/* Lists of label values that are known when a registry is opened only. */
typedef enum metric_domain {
    METRIC_MODELS,
    METRIC_ERROR_CODES,
    METRIC_DOMAINS,
} metric_domain;

typedef struct metric_names {
    const char *const *names; /* [count] */
    size_t count;
} metric_names;

typedef struct metric_label {
    const char *name;
    const char *const *values; /* NULL-terminated; NULL = those of the domain */
    metric_domain domain;
} metric_label;

typedef struct metric {
    const char *name; /* a counter's ends in _total */
    const char *unit; /* the suffix of the name that says the unit, or NULL */
    const char *help;
    metric_kind kind;
    metric_source source;
    const metric_label *labels[METRIC_MAX_LABELS]; /* first ones first, then NULL */
    const double *bounds; /* of a histogram: rising upper bounds, +Inf not among them */
    size_t bound_count;
} metric;

/* Values of the labels, in the order of their texts. */
typedef enum metric_outcome { METRIC_SUCCESS, METRIC_ERROR } metric_outcome;
typedef enum metric_class { METRIC_INTERACTIVE, METRIC_BULK } metric_class;
typedef enum metric_cache_result { METRIC_CACHE_HIT, METRIC_CACHE_MISS } metric_cache_result;
/* METRIC_ROUTE_OTHER stands for every path that is not served. */
typedef enum metric_route {
    METRIC_ROUTE_EMBED,
    METRIC_ROUTE_OPENAI,
    METRIC_ROUTE_TEI_EMBED,
    METRIC_ROUTE_TEI_SIMILARITY,
    METRIC_ROUTE_OLLAMA_EMBED,
    METRIC_ROUTE_OLLAMA_EMBEDDINGS,
    METRIC_ROUTE_COHERE_V1,
    METRIC_ROUTE_COHERE_V2,
    METRIC_ROUTE_KSERVE_INFER,
    METRIC_ROUTE_WEAVIATE,
    METRIC_ROUTE_GRPC_EMBED,
    METRIC_ROUTE_GRPC_INFER,
    METRIC_ROUTE_LLAMACPP,
    METRIC_ROUTE_TEI_EMBED_ALL,
    METRIC_ROUTE_TEI_EMBED_SPARSE,
    METRIC_ROUTE_RERANK,
    METRIC_ROUTE_SCORE,
    METRIC_ROUTE_POOLING,
    METRIC_ROUTE_CLASSIFY,
    METRIC_ROUTE_PREDICT,           /* the last one that computes */
    METRIC_ROUTE_GRPC_EMBED_STREAM, /* as long as its client wants, so its time says nothing */
    METRIC_ROUTE_GRPC_OTHER,
    METRIC_ROUTE_MODELS,
    METRIC_ROUTE_TOKENIZE,
    METRIC_ROUTE_DECODE,
    METRIC_ROUTE_INFO,
    METRIC_ROUTE_HEALTH,
    METRIC_ROUTE_OLLAMA_TAGS,
    METRIC_ROUTE_OLLAMA_SHOW,
    METRIC_ROUTE_OLLAMA_PS,
    METRIC_ROUTE_OLLAMA_VERSION,
    METRIC_ROUTE_OLLAMA_PULL,
    METRIC_ROUTE_KSERVE,
    METRIC_ROUTE_META,
    METRIC_ROUTE_OPENAPI,
    METRIC_ROUTE_PAGES,
    METRIC_ROUTE_LIVE,
    METRIC_ROUTE_READY,
    METRIC_ROUTE_METRICS,
    METRIC_ROUTE_INDEX,
    METRIC_ROUTE_ADMIN,
    METRIC_ROUTE_ADMIN_MODELS,
    METRIC_ROUTE_OTHER,
} metric_route;
/* The first digit of the HTTP status; ABORTED = the connection ended before a reply. */
typedef enum metric_status_class {
    METRIC_STATUS_2XX,
    METRIC_STATUS_3XX,
    METRIC_STATUS_4XX,
    METRIC_STATUS_5XX,
    METRIC_STATUS_ABORTED,
} metric_status_class;
/* Why the scheduler refused a request. */
typedef enum metric_rejection {
    METRIC_REJECTED_FULL,
    METRIC_REJECTED_WAIT,
    METRIC_REJECTED_LIMIT,
} metric_rejection;

/* Devices that compute, and what served a request that the preferred device could not. */
typedef enum metric_device { METRIC_DEVICE_GPU, METRIC_DEVICE_CPU } metric_device;
typedef enum metric_fallback {
    METRIC_FALLBACK_CPU,
    METRIC_FALLBACK_CACHE,
    METRIC_FALLBACK_NONE
} metric_fallback;
#define METRIC_BREAKER_STATES 6 /* closed, half_open, open, forced_open, disabled, metrics_only */
/* Why a span did not arrive anywhere. */
typedef enum metric_span_drop {
    METRIC_SPAN_QUEUE_FULL,
    METRIC_SPAN_EXPORT_FAILED,
    METRIC_SPAN_REJECTED,
} metric_span_drop;

typedef enum metric_id {
    /* inherited names */
    METRIC_REQUESTS,
    METRIC_REQUESTS_IN_FLIGHT,
    METRIC_REQUEST_DURATION, /* metric_outcome */
    METRIC_ERRORS,
    METRIC_BREAKER_STATE,
    METRIC_BATCH_SIZE,
    METRIC_BATCH_WAIT,
    METRIC_MODEL_LOAD_DURATION,
    METRIC_INFERENCE_DURATION,
    METRIC_GPU_UTILIZATION,
    METRIC_MEMORY_USAGE,
    /* requests */
    METRIC_HTTP_REQUESTS,  /* metric_route, metric_status_class */
    METRIC_ERRORS_BY_CODE, /* error code */
    METRIC_REJECTED,       /* metric_rejection */
    METRIC_CONNECTIONS_REFUSED,
    METRIC_TEXTS,  /* model */
    METRIC_TOKENS, /* model */
    METRIC_TRUNCATIONS,
    METRIC_TOKENIZE_DURATION,
    METRIC_REQUESTS_WITHIN_OBJECTIVE,
    /* health */
    METRIC_READY,
    METRIC_LIVE,
    METRIC_MEMORY_LIMIT,
    METRIC_GROUP_MEMORY_LIMIT,
    METRIC_GROUP_MEMORY_USAGE,
    METRIC_CERTIFICATE_END,
    /* models, each by its name */
    METRIC_MODEL_READY,
    METRIC_MODEL_REQUESTS,
    METRIC_MODEL_RESIDENT_BYTES,
    METRIC_MODEL_LOADS,
    METRIC_MODEL_LOAD_SECONDS,
    METRIC_MODEL_LOAD_FAILURES,
    METRIC_MODEL_LOAD_WAITS,
    METRIC_MODEL_EVICTIONS,
    METRIC_MODEL_IDLE_UNLOADS,
    METRIC_MODELS_MEMORY_BUDGET,
    METRIC_MODELS_MEMORY,
    /* scheduler */
    METRIC_QUEUE_REQUESTS, /* metric_class */
    METRIC_QUEUE_TOKENS,   /* metric_class */
    METRIC_QUEUE_AGE,      /* metric_class */
    METRIC_PASS_TOKENS,
    METRIC_PASS_FILL,
    METRIC_CACHE, /* metric_cache_result */
    METRIC_CACHE_BYTES,
    METRIC_CACHE_DROPPED,
    METRIC_PREFIX, /* metric_cache_result */
    METRIC_PREFIX_COMPUTED,
    METRIC_PREFIX_SAVED,
    METRIC_PREFIX_BYTES,
    METRIC_CONNECTIONS,
    METRIC_LOG_DROPPED,
    /* devices */
    METRIC_FALLBACK,     /* metric_fallback */
    METRIC_DEVICE_CALLS, /* metric_device, outcome: success, failure, ignored */
    METRIC_DEVICE_GIVEN_UP,
    METRIC_DEVICE_OUT,
    METRIC_DEVICE_WRONG,        /* metric_device */
    METRIC_DEVICE_BREAKER,      /* metric_device */
    METRIC_BREAKER_TRANSITIONS, /* metric_device, from, to */
    METRIC_BREAKER_REFUSED,     /* metric_device */
    METRIC_BREAKER_LATE,        /* metric_device */
    METRIC_RETRIES,
    METRIC_RETRIES_REFUSED,
    /* telemetry */
    METRIC_SPANS_EXPORTED,
    METRIC_SPANS_DROPPED, /* metric_span_drop */
    /* this process, names of the Prometheus client libraries */
    METRIC_PROCESS_CPU,
    METRIC_PROCESS_OPEN_FDS,
    METRIC_PROCESS_MAX_FDS,
    METRIC_PROCESS_VIRTUAL_BYTES,
    METRIC_PROCESS_RESIDENT_BYTES,
    METRIC_PROCESS_START,
    METRIC_PROCESS_THREADS,
    METRIC_BUILD_INFO,
    METRIC_TOTAL
} metric_id;

/* [METRIC_TOTAL] */
extern const metric metric_table[];

/* The label's text. */
const char *metric_route_name(metric_route route);
/* True for routes whose requests are for vectors or scores. */
static inline bool metric_route_embeds(metric_route route)
{
    return route <= METRIC_ROUTE_PREDICT;
}

/* Combinations of label values; 1 without labels. domains: [METRIC_DOMAINS]. */
size_t metric_series(const metric *m, const metric_names *domains);
/* How many values a label has. */
size_t metric_label_values(const metric_label *label, const metric_names *domains);

#endif
