/* Tokens per second of the forward pass on one thread, by length of text.
 *
 *     build/bench/bench_engine [--tier NAME] [--precision auto|fp32|bf16|int8] [--seconds S] [--pass TOKENS]
 *                              [--lengths 16,45,128] <model folder>
 *
 * Token ids are drawn from the vocabulary's words with the frequency 1/rank that words have in natural text. Each length
 * is measured with as many texts per pass as fit, and as a single text, whose time is what a query waits for. Time is the
 * thread's CPU time; every pass is set against bursts of register-only multiply-adds right before and after it. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "device/cpu_device.h"
#include "kernels/precision.h"
#include "measure.h"

#define FIRST_WORD 1996 /* where whole words begin in BERT's uncased vocabulary */
#define CLS 101
#define SEP 102

/* rank 1 .. count with probability about 1/rank */
static int32_t random_word(size_t vocabulary)
{
    double count = (double)(vocabulary - FIRST_WORD);
    double rank = exp(measure_unit() * log(count));
    return FIRST_WORD + (int32_t)(rank - 1.0);
}

typedef struct sample {
    double best_s, median_s;
    double share; /* of the peak measured in between, median */
} sample;

static double flop_per_token(const model_config *c, size_t length)
{
    double products =
        (double)c->hidden_size * (4.0 * (double)c->hidden_size + 2.0 * (double)c->intermediate_size);
    return 2.0 * (double)c->layers * (products + 2.0 * (double)c->hidden_size * (double)length);
}

/* Alternates passes with bursts of register-only multiply-adds; `work` is the FLOP of a pass. */
static sample measure(const cpu_device *device, cpu_state *state, const device_batch *batch, double seconds,
                      double work)
{
    enum { MOST = 4096 };
    static double times[MOST], shares[MOST];
    const kernel_table *kernels = kernels_find(cpu_device_tier(device));
    double (*const burst)(size_t) = kernel_burst_of(kernels, cpu_device_precision(device));
    size_t count = 0;
    double spent = 0.0;
    cpu_forward(device, state, batch);
    double before = measure_burst(burst);
    while (count < 3 || (spent < seconds && count < MOST)) {
        int64_t start = measure_thread_ns();
        cpu_forward(device, state, batch);
        times[count] = (double)(measure_thread_ns() - start) * 1e-9;
        double after = measure_burst(burst);
        shares[count] = work / times[count] / (0.5 * (before + after));
        before = after;
        spent += times[count++];
    }
    sample s = {.median_s = measure_median(times, count), .share = measure_median(shares, count)};
    s.best_s = times[0];
    return s;
}

static void report(const cpu_device *device, cpu_state *state, const device_batch *batch, size_t length,
                   const model_config *config, double seconds)
{
    double tokens = (double)(batch->texts * length);
    sample s = measure(device, state, batch, seconds, tokens * flop_per_token(config, length));
    printf("%7zu %6zu %12.0f %12.0f %10.3f %10.3f %7.1f%%\n", length, batch->texts, tokens / s.median_s,
           tokens / s.best_s, s.median_s * 1e3, s.best_s * 1e3, 100.0 * s.share);
    fflush(stdout);
}

static int bench(const model *m, const char *tier, aki_precision precision, size_t pass, double seconds,
                 const char *lengths)
{
    aki_error error;
    const model_config *config = model_configuration(m);
    cpu_device *device = NULL;
    cpu_state *state = NULL;
    int32_t *ids = mem_alloc(pass, sizeof *ids);
    uint32_t *offsets = mem_alloc(pass + 1, sizeof *offsets);
    int64_t start = measure_thread_ns();
    int result = 1;
    if (ids == NULL || offsets == NULL ||
        cpu_device_open(&device, m, precision, tier, NULL, &error) != AKI_OK ||
        cpu_state_open(&state, device, pass, &error) != AKI_OK) {
        fprintf(stderr, "%s\n%s\n", error.message, error.hint);
        goto done;
    }
    double open_ms = (double)(measure_thread_ns() - start) * 1e-6;
    printf("tier %s, precision %s, weights packed in %.0f ms (%.1f MB)\n", cpu_device_tier(device),
           kernel_precision_name(cpu_device_precision(device)), open_ms,
           (double)cpu_device_packed_bytes(device) * 1e-6);
    printf("%7s %6s %12s %12s %10s %10s %8s\n", "length", "texts", "tok/s median", "tok/s best", "ms median",
           "ms best", "of peak");
    for (const char *p = lengths; *p != '\0'; p += strspn(p, ",")) {
        char *end;
        size_t length = strtoul(p, &end, 10);
        if (end == p || length < 3 || length > config->max_positions || length > pass) {
            fprintf(stderr, "length out of range at \"%s\"\n", p);
            goto done;
        }
        p = end;
        size_t texts = pass / length;
        for (size_t t = 0; t <= texts; t++)
            offsets[t] = (uint32_t)(t * length);
        for (size_t i = 0; i < texts * length; i++)
            ids[i] = i % length == 0            ? CLS
                     : i % length == length - 1 ? SEP
                                                : random_word(config->vocabulary_size);
        device_batch batch = {ids, offsets, texts};
        report(device, state, &batch, length, config, seconds);
        batch.texts = 1;
        report(device, state, &batch, length, config, seconds);
    }
    result = 0;
done:
    cpu_state_close(state);
    cpu_device_close(device);
    mem_free(ids);
    mem_free(offsets);
    return result;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"tier", required_argument, NULL, 't'},    {"precision", required_argument, NULL, 'c'},
        {"seconds", required_argument, NULL, 's'}, {"pass", required_argument, NULL, 'p'},
        {"lengths", required_argument, NULL, 'l'}, {NULL, 0, NULL, 0},
    };
    const char *tier = NULL, *lengths = "16,45,128,256";
    static const char *const names[] = {"auto", "fp32", "bf16", "int8"}; /* in the order of aki_precision */
    size_t precision = AKI_PRECISION_AUTO;
    double seconds = 2.0;
    size_t pass = 512;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 't')
            tier = optarg;
        else if (option == 'c')
            for (precision = 0; precision < 4 && strcmp(names[precision], optarg) != 0;)
                precision++;
        else if (option == 's')
            seconds = strtod(optarg, NULL);
        else if (option == 'p')
            pass = strtoul(optarg, NULL, 10);
        else if (option == 'l')
            lengths = optarg;
        else
            return 2;
    }
    if (optind + 1 != argc || precision == 4) {
        fprintf(stderr, "usage: bench_engine [--tier NAME] [--precision auto|fp32|bf16|int8] [--seconds S] "
                        "[--pass TOKENS] "
                        "[--lengths 16,45] <folder>\n");
        return 2;
    }
    model *m = NULL;
    aki_error error;
    if (model_open(&m, argv[optind], &error) != AKI_OK) {
        fprintf(stderr, "%s\n%s\n", error.message, error.hint);
        return 1;
    }
    int result = bench(m, tier, (aki_precision)precision, pass, seconds, lengths);
    model_close(m);
    return result;
}
