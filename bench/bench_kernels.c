/* Speed of the kernels by tier and shape, as a share of the multiply-adds that the same precision of the same tier does in
 * registers.
 *
 *     build/bench/bench_kernels [--tier NAME] [--precision fp32|bf16] [--rounds N]
 *
 * Each line alternates the kernel with a burst of register-only multiply-adds and gives the medians of both and of their
 * ratio, so that a clock that drifts or a busy neighbour hits both sides. Products stream through several copies of the
 * weights, more than a cache holds, as a pass over all layers does ("from memory"), and through one copy ("from cache").
 * Data is random, never zero: zeros run faster. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "measure.h"

#define MOST_ROUNDS 1000
#define MEMORY_BYTES ((size_t)48 << 20)

typedef struct shape {
    const char *name;
    size_t inputs, outputs;
    kernel_activation activation;
    bool narrow_output;
} shape;

static float *random_floats(size_t count)
{
    float *values = mem_alloc_aligned(count, sizeof *values);
    if (values == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < count; i++)
        values[i] = measure_normal();
    return values;
}

/* One precision of a tier. */
typedef struct subject {
    const char *tier, *name;
    const kernel_table *kernels;
    const kernel_precision *precision;
    double (*burst)(size_t rounds);
} subject;

/* [rows][columns] numbers of the precision, made of random floats; stride even. */
static void *random_numbers(const subject *s, size_t rows, size_t stride)
{
    float *values = random_floats(rows * stride);
    if (s->precision->narrow == NULL)
        return values;
    void *numbers = mem_alloc_aligned(rows * stride, sizeof(uint16_t));
    if (numbers == NULL)
        exit(1);
    s->precision->narrow(rows, stride, values, stride, numbers, stride);
    mem_free(values);
    return numbers;
}

/* Runs `work_flop` FLOP by run(cookie, round) in turn with bursts and prints a line. */
static void report(const subject *s, const char *name, size_t rows, double work_flop, size_t rounds,
                   void (*run)(void *cookie, size_t round), void *cookie)
{
    static double rates[MOST_ROUNDS], shares[MOST_ROUNDS];
    size_t repeats = 1;
    for (;;) { /* at least 1 ms per measurement */
        int64_t start = measure_thread_ns();
        for (size_t i = 0; i < repeats; i++)
            run(cookie, i);
        if (measure_thread_ns() - start > 1000000)
            break;
        repeats *= 2;
    }
    for (size_t i = 0; i < rounds; i++) {
        double before = measure_burst(s->burst);
        int64_t start = measure_thread_ns();
        for (size_t j = 0; j < repeats; j++)
            run(cookie, i * repeats + j);
        rates[i] = work_flop * (double)repeats / (double)(measure_thread_ns() - start) * 1e9;
        double after = measure_burst(s->burst);
        shares[i] = rates[i] / (0.5 * (before + after));
    }
    double share = measure_median(shares, rounds), rate = measure_median(rates, rounds);
    printf("%-11s %-4s %-42s %5zu %9.1f %9.1f %8.1f%%\n", s->tier, s->name, name, rows, rate * 1e-9,
           rates[rounds - 1] * 1e-9, 100.0 * share);
}

typedef struct product_run {
    const kernel_precision *linear;
    kernel_product product;
    unsigned char *weights;
    size_t bytes, copies;
} product_run;

static void run_product(void *cookie, size_t round)
{
    product_run *run = cookie;
    run->product.weights = run->weights + round % run->copies * run->bytes;
    run->linear->multiply(&run->product);
}

static void bench_products(const subject *s, size_t rounds)
{
    static const shape shapes[] = {
        {"384 -> 1152 queries, keys, values", 384, 1152, KERNEL_IDENTITY, true},
        {"384 -> 384 output projection", 384, 384, KERNEL_IDENTITY, false},
        {"384 -> 1536 gelu", 384, 1536, KERNEL_GELU_ERF, true},
        {"1536 -> 384", 1536, 384, KERNEL_IDENTITY, false},
    };
    static const size_t rows[] = {1, 4, 8, 16, 48, 96};
    enum { MOST_ROWS = 96, WIDEST = 1552 };
    void *input = random_numbers(s, MOST_ROWS, WIDEST);
    float *output = random_floats(MOST_ROWS * WIDEST);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const shape *it = &shapes[i];
        float *weights = random_floats(it->inputs * it->outputs), *bias = random_floats(it->outputs);
        product_run run = {.linear = s->precision,
                           .bytes = s->precision->packed_bytes(it->outputs, it->inputs)};
        size_t most = MEMORY_BYTES / run.bytes + 1;
        run.weights = mem_alloc_aligned(most, run.bytes);
        if (run.weights == NULL)
            exit(1);
        memset(run.weights, 0, most * run.bytes);
        for (size_t c = 0; c < most; c++)
            run.linear->pack(run.weights + c * run.bytes, it->outputs, it->inputs, 0, it->outputs, weights,
                             bias);
        for (int from_memory = 0; from_memory <= 1; from_memory++)
            for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
                char name[64];
                snprintf(name, sizeof name, "%s, %s", it->name, from_memory ? "memory" : "cache");
                run.copies = from_memory ? most : 1;
                run.product =
                    (kernel_product){.rows = rows[r],
                                     .inputs = it->inputs,
                                     .outputs = it->outputs,
                                     .input = input,
                                     .input_stride = it->inputs + (it->inputs % 512 == 0 ? 16 : 0),
                                     .output = output,
                                     .output_stride = it->outputs + (it->outputs % 512 == 0 ? 16 : 0),
                                     .activation = it->activation,
                                     .narrow_output = it->narrow_output};
                report(s, name, rows[r], 2.0 * (double)(rows[r] * it->inputs * it->outputs), rounds,
                       run_product, &run);
            }
        mem_free(run.weights);
        mem_free(bias);
        mem_free(weights);
    }
    mem_free(output);
    mem_free(input);
}

typedef struct attention_run {
    const kernel_precision *precision;
    kernel_attention attention;
} attention_run;

static void run_attention(void *cookie, size_t round)
{
    attention_run *run = cookie;
    (void)round;
    run->precision->attention(&run->attention);
}

static void bench_attention(const subject *s, size_t rounds)
{
    static const size_t lengths[] = {8, 16, 45, 128, 256, 512};
    enum { LONGEST = 512, HEADS = 12, SIZE = 32, HIDDEN = HEADS * SIZE };
    void *qkv = random_numbers(s, LONGEST, 3 * HIDDEN);
    float *output = random_floats((size_t)LONGEST * HIDDEN);
    void *scratch = mem_alloc_aligned(s->precision->attention_scratch_bytes(LONGEST, SIZE), 1);
    if (scratch == NULL)
        exit(1);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        size_t tokens = lengths[i];
        attention_run run = {s->precision,
                             {tokens, HEADS, SIZE, 0, HEADS, qkv, 3 * HIDDEN, output, HIDDEN, scratch}};
        report(s, "attention, 12 heads of 32", tokens, 4.0 * HIDDEN * (double)(tokens * tokens), rounds,
               run_attention, &run);
    }
    mem_free(scratch);
    mem_free(output);
    mem_free(qkv);
}

typedef struct norm_run {
    const kernel_table *kernels;
    kernel_norm norm;
} norm_run;

static void run_norm(void *cookie, size_t round)
{
    norm_run *run = cookie;
    (void)round;
    run->kernels->norm(&run->norm);
}

/* Counted as 8 FLOP per element. */
static void bench_norm(const subject *s, size_t rounds)
{
    enum { ROWS = 96, COLUMNS = 384 };
    float *input = random_floats((size_t)ROWS * COLUMNS), *residual = random_floats((size_t)ROWS * COLUMNS);
    float *gamma = random_floats(COLUMNS), *beta = random_floats(COLUMNS);
    float *output = random_floats((size_t)ROWS * COLUMNS);
    norm_run run = {s->kernels,
                    {ROWS, COLUMNS, input, COLUMNS, residual, COLUMNS, gamma, beta, 1e-12f, output, COLUMNS}};
    report(s, "residual + norm of 384", ROWS, 8.0 * ROWS * COLUMNS, rounds, run_norm, &run);
    mem_free(output);
    mem_free(beta);
    mem_free(gamma);
    mem_free(residual);
    mem_free(input);
}

static void bench(const kernel_table *kernels, const char *name, const kernel_precision *precision,
                  size_t rounds)
{
    const subject s = {kernels->name, name, kernels, precision, precision->burst};
    bench_products(&s, rounds);
    bench_attention(&s, rounds);
    bench_norm(&s, rounds);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"tier", required_argument, NULL, 't'},
        {"precision", required_argument, NULL, 'p'},
        {"rounds", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    const char *tier = NULL, *precision = NULL;
    size_t rounds = 21;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 't')
            tier = optarg;
        else if (option == 'p')
            precision = optarg;
        else if (option == 'r')
            rounds = strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    const bool fp32 = precision == NULL || strcmp(precision, "fp32") == 0;
    const bool bf16 = precision == NULL || strcmp(precision, "bf16") == 0;
    if (rounds < 1 || rounds > MOST_ROUNDS || (tier != NULL && kernels_find(tier) == NULL) ||
        (!fp32 && !bf16)) {
        fprintf(stderr, "usage: bench_kernels [--tier NAME] [--precision fp32|bf16] [--rounds 1..%d]; tiers:",
                MOST_ROUNDS);
        for (const kernel_table *const *t = kernels_available(); *t != NULL; t++)
            fprintf(stderr, " %s", (*t)->name);
        fprintf(stderr, "\n");
        return 2;
    }
    printf("%-11s %-4s %-42s %5s %9s %9s %9s\n", "tier", "", "kernel", "rows", "GFLOP/s", "best", "of peak");
    for (const kernel_table *const *t = kernels_available(); *t != NULL; t++)
        if (tier == NULL || strcmp(tier, (*t)->name) == 0) {
            if (bf16 && (*t)->bf16 != NULL)
                bench(*t, "bf16", (*t)->bf16, rounds);
            if (fp32)
                bench(*t, "fp32", (*t)->fp32, rounds);
        }
    return 0;
}
