/* Tokens per second of the forward pass, text already tokenized, by length of text.
 *
 *     build/bench/bench_engine [--tier NAME] [--precision NAME] [--threads N] [--seconds S] [--pass TOKENS]
 *                              [--lengths 16,45,128] [--json] <model folder>
 *
 * Without --precision every one that the CPU, or the tier, has. Token ids are drawn from the vocabulary's words with the
 * frequency 1/rank that words have in natural text. Each length is measured with as many texts per pass as fit, and as a
 * single text. Threads compute passes of their own at the same time, as the engine's do. Time is a thread's CPU time;
 * every pass is set against bursts of register-only multiply-adds right before and after it. Rates are the sum of the
 * threads' medians, times and shares the mean of their medians. */
#include <getopt.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/thread.h"
#include "engine/device/cpu_device.h"
#include "kernels/precision.h"
#include "measure.h"
#include "model/parts.h"

#define FIRST_WORD 1996 /* where whole words begin in BERT's uncased vocabulary */
#define CLS 101
#define SEP 102
#define MOST_PASSES 4096
#define MOST_THREADS 256

typedef struct engine_options {
    const char *tier, *precision, *lengths; /* tier, precision: NULL = best, all */
    size_t pass, threads;
    double seconds;
    bool json;
} engine_options;

/* One thread's passes over one batch. */
typedef struct engine_thread {
    pthread_t thread;
    pthread_barrier_t *start;
    const cpu_device *device;
    cpu_state *state;
    const device_batch *batch;
    double (*burst)(size_t rounds);
    double seconds, work; /* work: FLOP of a pass */
    double times[MOST_PASSES], shares[MOST_PASSES];
    double median_s, share; /* share: of the peak measured in between */
} engine_thread;

/* What all lengths of a precision share. */
typedef struct engine_run {
    const engine_options *options;
    const model_config *config;
    cpu_device *device;
    engine_thread *threads; /* [options->threads] */
    int32_t *ids;           /* [pass] */
    uint32_t *offsets;      /* [pass + 1] */
    size_t *printed;        /* lines of all runs */
} engine_run;

/* rank 1 .. count with probability about 1/rank */
static int32_t random_word(size_t vocabulary)
{
    double count = (double)(vocabulary - FIRST_WORD);
    double rank = exp(measure_unit() * log(count));
    return FIRST_WORD + (int32_t)(rank - 1.0);
}

/* Alternates passes with bursts. */
static void *run_passes(void *argument)
{
    engine_thread *t = argument;
    size_t count = 0;
    double spent = 0.0;
    cpu_forward(t->device, t->state, t->batch);
    pthread_barrier_wait(t->start);
    double before = measure_burst(t->burst);
    while (count < 3 || (spent < t->seconds && count < MOST_PASSES)) {
        int64_t start = measure_thread_ns();
        cpu_forward(t->device, t->state, t->batch);
        t->times[count] = (double)(measure_thread_ns() - start) * 1e-9;
        double after = measure_burst(t->burst);
        t->shares[count] = t->work / t->times[count] / (0.5 * (before + after));
        before = after;
        spent += t->times[count++];
    }
    t->median_s = measure_median(t->times, count);
    t->share = measure_median(t->shares, count);
    return NULL;
}

static void print(const engine_run *run, const device_batch *batch, size_t length, double tokens_per_second,
                  double seconds, double share)
{
    const char *tier = cpu_device_tier(run->device);
    const char *precision = kernel_precision_name(cpu_device_precision(run->device));
    const size_t threads = run->options->threads;
    if (run->options->json)
        printf("%s\n{\"tier\":\"%s\",\"precision\":\"%s\",\"threads\":%zu,\"length\":%zu,\"texts\":%zu,"
               "\"tokens_per_second\":%.6g,\"milliseconds\":%.6g,\"share_of_peak\":%.4g}",
               *run->printed > 0 ? "," : "", tier, precision, threads, length, batch->texts,
               tokens_per_second, seconds * 1e3, share);
    else
        printf("%-12s %-5s %7zu %7zu %6zu %12.0f %10.3f %8.1f%%\n", tier, precision, threads, length,
               batch->texts, tokens_per_second, seconds * 1e3, 100.0 * share);
    ++*run->printed;
    fflush(stdout);
}

static void measure(engine_run *run, const device_batch *batch, size_t length)
{
    const size_t threads = run->options->threads, tokens = batch->texts * length;
    const kernel_table *kernels = kernels_find(cpu_device_tier(run->device));
    double rate = 0, seconds = 0, share = 0;
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)threads);
    for (size_t i = 0; i < threads; i++) {
        engine_thread *t = &run->threads[i];
        t->start = &start;
        t->device = run->device;
        t->batch = batch;
        t->burst = kernel_burst_of(kernels, cpu_device_precision(run->device));
        t->seconds = run->options->seconds;
        t->work = (double)batch->texts * model_text_flop(run->config, length);
        if (!thread_start(&t->thread, run_passes, t, "bench-engine")) {
            fprintf(stderr, "no more threads to be had\n");
            exit(1);
        }
    }
    for (size_t i = 0; i < threads; i++) {
        const engine_thread *t = &run->threads[i];
        pthread_join(t->thread, NULL);
        rate += (double)tokens / t->median_s;
        seconds += t->median_s / (double)threads;
        share += t->share / (double)threads;
    }
    pthread_barrier_destroy(&start);
    print(run, batch, length, rate, seconds, share);
}

static bool measure_lengths(engine_run *run)
{
    const engine_options *o = run->options;
    for (const char *p = o->lengths; *p != '\0'; p += strspn(p, ",")) {
        char *end;
        size_t length = strtoul(p, &end, 10);
        if (end == p || length < 3 || length > run->config->max_positions || length > o->pass) {
            fprintf(stderr, "length out of range at \"%s\"\n", p);
            return false;
        }
        p = end;
        size_t texts = o->pass / length;
        for (size_t t = 0; t <= texts; t++)
            run->offsets[t] = (uint32_t)(t * length);
        for (size_t i = 0; i < texts * length; i++)
            run->ids[i] = i % length == 0            ? CLS
                          : i % length == length - 1 ? SEP
                                                     : random_word(run->config->vocabulary_size);
        device_batch batch = {.token_ids = run->ids, .offsets = run->offsets, .texts = texts};
        measure(run, &batch, length);
        batch.texts = 1;
        measure(run, &batch, length);
    }
    return true;
}

/* False after saying why; true also where this CPU lacks a precision that was not asked for by name. */
static bool bench(const model *m, const engine_options *o, aki_precision precision, size_t *printed)
{
    aki_error error;
    engine_run run = {.options = o, .config = model_configuration(m), .printed = printed};
    bool done = false;
    run.ids = mem_alloc(o->pass, sizeof *run.ids);
    run.offsets = mem_alloc(o->pass + 1, sizeof *run.offsets);
    run.threads = mem_zalloc(o->threads, sizeof *run.threads);
    aki_status status = run.ids != NULL && run.offsets != NULL && run.threads != NULL
                            ? cpu_device_open(&run.device, m, precision, o->tier, NULL, NULL, &error)
                            : error_set(&error, AKI_OUT_OF_MEMORY, "out of memory");
    for (size_t i = 0; i < o->threads && status == AKI_OK; i++)
        status = cpu_state_open(&run.threads[i].state, run.device, o->pass, &error);
    if (status == AKI_OK)
        done = measure_lengths(&run);
    else if (status == AKI_CPU_UNSUPPORTED && o->precision == NULL && precision != AKI_PRECISION_FP32)
        done = true;
    else
        fprintf(stderr, "%s\n%s\n", error.message, error.hint);
    for (size_t i = 0; run.threads != NULL && i < o->threads; i++)
        cpu_state_close(run.threads[i].state);
    cpu_device_close(run.device);
    mem_free(run.threads);
    mem_free(run.ids);
    mem_free(run.offsets);
    return done;
}

static bool bench_all(const model *m, const engine_options *o)
{
    size_t printed = 0;
    bool done = true, known = false;
    if (o->json)
        printf("{\"results\":[");
    else
        printf("%-12s %-5s %7s %7s %6s %12s %10s %9s\n", "tier", "", "threads", "length", "texts", "tokens/s",
               "ms a pass", "of peak");
    for (aki_precision p = AKI_PRECISION_FP32; done && kernel_precision_name(p) != NULL; p++)
        if (o->precision == NULL || strcmp(o->precision, kernel_precision_name(p)) == 0) {
            known = true;
            done = bench(m, o, p, &printed);
        }
    if (!known)
        fprintf(stderr, "no precision %s\n", o->precision);
    if (o->json)
        printf("]}\n");
    return done && known;
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: bench_engine [--tier NAME] [--precision NAME] [--threads N] [--seconds S] [--pass TOKENS] "
        "[--lengths 16,45] [--json] <folder>\n");
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"tier", required_argument, NULL, 't'},    {"precision", required_argument, NULL, 'c'},
        {"threads", required_argument, NULL, 'n'}, {"seconds", required_argument, NULL, 's'},
        {"pass", required_argument, NULL, 'p'},    {"lengths", required_argument, NULL, 'l'},
        {"json", no_argument, NULL, 'j'},          {NULL, 0, NULL, 0},
    };
    engine_options o = {.lengths = "16,45,128,256", .pass = 512, .threads = 1, .seconds = 1.0};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 't')
            o.tier = optarg;
        else if (option == 'c')
            o.precision = optarg;
        else if (option == 'n')
            o.threads = strtoul(optarg, NULL, 10);
        else if (option == 's')
            o.seconds = strtod(optarg, NULL);
        else if (option == 'p')
            o.pass = strtoul(optarg, NULL, 10);
        else if (option == 'l')
            o.lengths = optarg;
        else if (option == 'j')
            o.json = true;
        else
            return usage();
    }
    if (optind + 1 != argc || o.threads < 1 || o.threads > MOST_THREADS)
        return usage();
    model *m = NULL;
    aki_error error;
    if (model_open(&m, argv[optind], &error) != AKI_OK) {
        fprintf(stderr, "%s\n%s\n", error.message, error.hint);
        return 1;
    }
    bool done = bench_all(m, &o);
    model_close(m);
    return done ? 0 : 1;
}
