#include "cli/bench/measure.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "base/error.h"
#include "base/memory.h"
#include "kernels/precision.h"
#include "model/parts.h"

#include <time.h>

#define LEAST_ROUNDS 3
#define WANTED_ROUNDS 6 /* decides how large a call is */
#define MOST_ROUNDS 4096
#define MOST_QUERIES 65536
#define CALL_PASSES                                                                                          \
    8 /* of each thread: few enough to end soon, enough that the last ones to finish do not matter */
#define QUERY_SHARE 0.5 /* time for single texts, of the time of the large call */

typedef struct measurement {
    bench_setup *setup;
    const bench_texts *texts;
    aki_text *call; /* [call_room] */
    aki_text_info *infos;
    float *vectors; /* [call_room][dimension] */
    size_t call_room, next_text, next_query;
    size_t rounds, queries;
    double *tokens_per_second, *peaks, *shares; /* [MOST_ROUNDS] */
    double *latencies_ms;                       /* [MOST_QUERIES] */
    double tokens, squares, flop, texts_done;   /* of all rounds; squares: of the texts' tokens */
} measurement;

size_t bench_call_tokens(const aki_model_info *info)
{
    return (size_t)info->threads * CALL_PASSES * info->max_pass_tokens;
}

static double seconds_since(int64_t start_ns)
{
    return (double)(clock_monotonic_ns() - start_ns) / NS_PER_S;
}

static double process_cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_S;
}

/* Rounded up, so that every call has the mean length of all texts. */
static size_t whole_turns(const bench_texts *texts, size_t count)
{
    return (count + texts->turn - 1) / texts->turn * texts->turn;
}

/* Seconds of one text alone. */
static aki_status query(measurement *m, double *seconds, aki_error *error)
{
    const bench_texts *texts = m->texts;
    size_t index = m->next_query++ % texts->count;
    int64_t start = clock_monotonic_ns();
    aki_status status =
        aki_embed(m->setup->model, &texts->texts[index], 1, NULL, m->vectors, m->infos, error);
    *seconds = seconds_since(start);
    return status;
}

/* How many texts make a call that takes its share of the time. */
static aki_status plan(measurement *m, size_t *count, aki_error *error)
{
    const bench_setup *setup = m->setup;
    double mean = (double)m->texts->total_tokens / (double)m->texts->count, seconds = 0;
    aki_status status = query(m, &seconds, error);
    if (status == AKI_OK) /* the first one also woke the threads up */
        status = query(m, &seconds, error);
    double rate = m->infos[0].tokens / (seconds > 1e-6 ? seconds : 1e-6) * setup->info.threads;
    double tokens = rate * setup->seconds / WANTED_ROUNDS, most = (double)bench_call_tokens(&setup->info);
    *count = (size_t)((tokens < most ? tokens : most) / mean);
    if (*count < setup->info.threads)
        *count = setup->info.threads;
    *count = whole_turns(m->texts, *count);
    if (*count > m->call_room)
        *count = m->call_room;
    return status;
}

/* The next `count` texts, in a circle. */
static void fill_call(measurement *m, size_t count)
{
    for (size_t i = 0; i < count; i++)
        m->call[i] = m->texts->texts[m->next_text++ % m->texts->count];
}

static aki_status large_call(measurement *m, size_t count, aki_error *error)
{
    bench_setup *setup = m->setup;
    double before, after, tokens = 0, flop = 0;
    unsigned cpus = cpus_available(), busy = setup->info.threads < cpus ? setup->info.threads : cpus;
    fill_call(m, count);
    aki_status status = bench_peak_measure(&setup->peak, &before, error);
    if (status != AKI_OK)
        return status;
    double cpu_before = process_cpu_seconds();
    int64_t start = clock_monotonic_ns();
    status = aki_embed(setup->model, m->call, count, NULL, m->vectors, m->infos, error);
    double seconds = seconds_since(start);
    setup->cpu_seconds += process_cpu_seconds() - cpu_before;
    setup->wanted_cpu_seconds += seconds * busy;
    if (status == AKI_OK)
        status = bench_peak_measure(&setup->peak, &after, error);
    if (status != AKI_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        tokens += m->infos[i].tokens;
        flop += model_text_flop(&setup->config, m->infos[i].tokens);
        m->squares += (double)m->infos[i].tokens * m->infos[i].tokens;
    }
    m->tokens_per_second[m->rounds] = tokens / seconds;
    m->peaks[m->rounds] = 0.5 * (before + after);
    m->shares[m->rounds] = flop / seconds / m->peaks[m->rounds];
    m->rounds++;
    m->tokens += tokens;
    m->flop += flop;
    m->texts_done += (double)count;
    return AKI_OK;
}

static aki_status single_queries(measurement *m, double budget_seconds, aki_error *error)
{
    double spent = 0;
    do {
        double seconds;
        aki_status status = query(m, &seconds, error);
        if (status != AKI_OK)
            return status;
        if (m->queries < MOST_QUERIES)
            m->latencies_ms[m->queries++] = seconds * 1e3;
        spent += seconds;
    } while (spent < budget_seconds);
    return AKI_OK;
}

static void show_progress(const measurement *m, double elapsed)
{
    bench_setup *setup = m->setup;
    double share = elapsed < setup->seconds ? elapsed / setup->seconds : 1;
    progress_state state = {.label = "bench",
                            .unit = "tokens",
                            .count = (uint64_t)m->tokens,
                            .done = setup->lengths_done * 1000 + (uint64_t)(share * 1000),
                            .total = setup->lengths * 1000};
    progress_update(&setup->bar, &state);
}

static aki_status run_rounds(measurement *m, aki_error *error)
{
    size_t count;
    int64_t start = clock_monotonic_ns();
    aki_status status = plan(m, &count, error);
    while (status == AKI_OK && m->rounds < MOST_ROUNDS &&
           (m->rounds < LEAST_ROUNDS || seconds_since(start) < m->setup->seconds)) {
        if (stop_signal(m->setup->stop) != 0)
            return error_set(error, AKI_CANCELLED, "stopped by a signal");
        int64_t call_start = clock_monotonic_ns();
        status = large_call(m, count, error);
        if (status == AKI_OK)
            status = single_queries(m, seconds_since(call_start) * QUERY_SHARE, error);
        show_progress(m, seconds_since(start));
    }
    return status;
}

static aki_status prepare(measurement *m, aki_error *error)
{
    size_t values, tokens = bench_call_tokens(&m->setup->info);
    double mean = (double)m->texts->total_tokens / (double)m->texts->count;
    m->call_room = (size_t)((double)tokens / mean);
    if (m->call_room < m->setup->info.threads)
        m->call_room = m->setup->info.threads;
    m->call_room = whole_turns(m->texts, m->call_room);
    m->call = mem_alloc(m->call_room, sizeof *m->call);
    m->infos = mem_zalloc(m->call_room, sizeof *m->infos);
    m->vectors = size_mul(m->call_room, aki_dimension(m->setup->model), &values)
                     ? mem_alloc(values, sizeof *m->vectors)
                     : NULL;
    m->tokens_per_second = mem_alloc(MOST_ROUNDS, sizeof *m->tokens_per_second);
    m->peaks = mem_alloc(MOST_ROUNDS, sizeof *m->peaks);
    m->shares = mem_alloc(MOST_ROUNDS, sizeof *m->shares);
    m->latencies_ms = mem_alloc(MOST_QUERIES, sizeof *m->latencies_ms);
    if (m->call == NULL || m->infos == NULL || m->vectors == NULL || m->tokens_per_second == NULL ||
        m->peaks == NULL || m->shares == NULL || m->latencies_ms == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to measure");
    return AKI_OK;
}

static void summarize(const measurement *m, bench_result *result)
{
    const bench_setup *setup = m->setup;
    double rate = bench_percentile(m->tokens_per_second, m->rounds, 50);
    *result = (bench_result){
        .length = m->tokens / m->texts_done,
        .mixed = m->squares * m->texts_done > m->tokens * m->tokens * (1 + 1e-9),
        .tier = setup->info.cpu_tier,
        .precision = kernel_precision_name(setup->info.precision),
        .threads = setup->info.threads,
        .tokens_per_second = rate,
        .texts_per_second = rate * m->texts_done / m->tokens,
        .flops_per_second = rate * m->flop / m->tokens,
        .peak_flops_per_second = bench_percentile(m->peaks, m->rounds, 50),
        .share_of_peak = bench_percentile(m->shares, m->rounds, 50),
        .p50_ms = bench_percentile(m->latencies_ms, m->queries, 50),
        .p99_ms = bench_percentile(m->latencies_ms, m->queries, 99),
        .weight_bytes = setup->info.weight_bytes,
    };
}

aki_status bench_measure(bench_setup *setup, const bench_texts *texts, bench_result *result, aki_error *error)
{
    measurement m = {.setup = setup, .texts = texts};
    aki_status status = prepare(&m, error);
    if (status == AKI_OK)
        status = run_rounds(&m, error);
    if (status == AKI_OK)
        summarize(&m, result);
    mem_free(m.call);
    mem_free(m.infos);
    mem_free(m.vectors);
    mem_free(m.tokens_per_second);
    mem_free(m.peaks);
    mem_free(m.shares);
    mem_free(m.latencies_ms);
    return status;
}
