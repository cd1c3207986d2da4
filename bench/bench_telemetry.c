/* What it costs a request to be counted and traced. Usage: bench_telemetry [--json]
 *
 * Prints nanoseconds of CPU time per operation on one thread, the best of many samples: a counter, a histogram of 11 buckets without and
 * with an exemplar, the decision to sample or not, a span with two attributes, and a whole request of ten spans. Spans go
 * to an exporter that lets them fall, so that rings are emptied as they would be. */
#include "measure.h"
#include "telemetry/metrics.h"
#include "telemetry/tracer.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 201
#define CALLS 4096 /* of a sample; fewer spans than a ring holds */
#define CHILDREN 9

typedef struct bench {
    metric_shard *shard;
    tracer *sampled, *unsampled;
    trace_root root;
    uint64_t emitted;
    uint64_t sampled_roots; /* so that no decision is left out */
} bench;

static export_result drop(void *cookie, const span *const *spans, size_t count, int64_t wall_offset_ns,
                          int64_t deadline_ns)
{
    (void)cookie, (void)spans, (void)wall_offset_ns, (void)deadline_ns;
    return (export_result){.exported = count};
}

static void count(bench *b)
{
    metrics_add(b->shard, METRIC_REQUESTS, 0, 1);
}

static void observe(bench *b)
{
    metrics_observe(b->shard, METRIC_REQUEST_DURATION, 0, 0.003, NULL);
}

static void observe_exemplar(bench *b)
{
    metric_exemplar exemplar;
    memcpy(exemplar.trace_id, b->root.trace_id, sizeof exemplar.trace_id);
    memcpy(exemplar.span_id, b->root.span_id, sizeof exemplar.span_id);
    metrics_observe(b->shard, METRIC_REQUEST_DURATION, 0, 0.003, &exemplar);
}

static void decide(bench *b, tracer *t)
{
    tracer_begin(t, NULL, &b->root);
    b->sampled_roots += b->root.sampled;
}

static void begin_unsampled(bench *b)
{
    decide(b, b->unsampled);
}

static void begin_sampled(bench *b)
{
    decide(b, b->sampled);
}

static void begin_off(bench *b)
{
    decide(b, NULL);
}

static void emit_child(bench *b)
{
    uint8_t id[SPAN_ID_BYTES];
    const span_attribute attributes[] = {span_integer("akidb.tokens", 45), span_integer("akidb.texts", 1)};
    span s = {.name = "tokenize",
              .kind = SPAN_INTERNAL,
              .start_ns = 1,
              .end_ns = 2,
              .attributes = attributes,
              .attribute_count = 2};
    tracer_span_id(b->sampled, id);
    trace_root_child(&b->root, id, &s);
    tracer_emit(b->sampled, &s);
    b->emitted++;
}

/* What the server does for a request, but for reading the clock. */
static void emit_request(bench *b)
{
    decide(b, b->sampled);
    for (int i = 0; i < CHILDREN; i++)
        emit_child(b);
    const span_attribute attributes[] = {
        span_name("http.request.method", "POST"),
        span_name("http.route", "/api/v1/embed"),
        span_name("url.scheme", "http"),
        span_text("url.path", "/api/v1/embed"),
        span_text("client.address", "127.0.0.1"),
        span_text("user_agent.original", "python-httpx/0.28.1"),
        span_integer("http.response.status_code", 200),
        span_integer("gen_ai.usage.input_tokens", 45),
    };
    span whole = {.name = "embedding_request",
                  .kind = SPAN_SERVER,
                  .start_ns = 1,
                  .end_ns = 2,
                  .attributes = attributes,
                  .attribute_count = sizeof attributes / sizeof *attributes};
    trace_root_span(&b->root, &whole);
    tracer_emit(b->sampled, &whole);
    b->emitted++;
}

/* Lets the exporter take what was emitted, so that no ring is full in the next sample. */
static void settle(const bench *b)
{
    tracer_counts counts;
    do {
        sched_yield();
        tracer_read_counts(b->sampled, &counts);
    } while (counts.exported + counts.dropped_queue_full < b->emitted);
}

/* Nanoseconds of CPU time per call, the least of the samples: what other work on the machine adds is not part of it. */
static double measure(bench *b, void (*operation)(bench *))
{
    double best = 1e9;
    for (int sample = 0; sample < SAMPLES; sample++) {
        const int64_t start = measure_thread_ns();
        for (int i = 0; i < CALLS; i++)
            operation(b);
        const double ns = (double)(measure_thread_ns() - start) / CALLS;
        best = ns < best ? ns : best;
        settle(b);
    }
    return best;
}

static tracer *open_tracer(double ratio)
{
    tracer_settings settings;
    tracer *t;
    aki_error error;
    tracer_settings_init(&settings);
    settings.sampler = sampler_make(ratio, true);
    settings.exporter = (span_exporter){.export = drop};
    settings.queue_spans = 65536;
    settings.delay_ms = 1; /* what is left of a batch is not waited for */
    if (tracer_open(&t, &settings, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return t;
}

static void report(bench *b, bool json)
{
    static const struct {
        const char *name, *what;
        void (*operation)(bench *);
    } rows[] = {
        {"counter", "counter, add", count},
        {"histogram", "histogram, observe", observe},
        {"histogram_exemplar", "histogram, observe with an exemplar", observe_exemplar},
        {"request_off", "request begun, tracing off", begin_off},
        {"request_unsampled", "request begun, not sampled, new ids", begin_unsampled},
        {"request_sampled", "request begun, sampled, new ids", begin_sampled},
        {"span", "span with two attributes, emitted", emit_child},
        {"request_spans", "request with ten spans, whole", emit_request},
    };
    const size_t total = sizeof rows / sizeof *rows;
    printf(json ? "{" : "");
    for (size_t i = 0; i < total; i++) {
        const double ns = measure(b, rows[i].operation);
        if (json)
            printf("\"%s_ns\": %.2f%s", rows[i].name, ns, i + 1 < total ? ", " : "}\n");
        else
            printf("%-40s %8.2f ns\n", rows[i].what, ns);
    }
}

int main(int argument_count, char **arguments)
{
    bench b = {0};
    metrics *registry;
    aki_error error;
    const char *const model = "model", *const code = "code";
    const metric_names domains[METRIC_DOMAINS] = {{&model, 1}, {&code, 1}};
    const bool json = argument_count == 2 && strcmp(arguments[1], "--json") == 0;
    if (argument_count > 1 && !json) {
        fprintf(stderr, "usage: bench_telemetry [--json]\n");
        return 2;
    }
    if (metrics_open(&registry, domains, &error) != AKI_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    b.shard = metrics_shard(registry);
    b.sampled = open_tracer(1);
    b.unsampled = open_tracer(0);
    report(&b, json);
    tracer_close(b.sampled, 1000);
    tracer_close(b.unsampled, 1000);
    metrics_close(registry);
    return 0;
}
