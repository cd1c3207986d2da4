#include "kernel_cases.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "measure.h"

#define HIDDEN 384
#define INTERMEDIATE 1536

const case_shape case_shapes[] = {
    {"384 -> 1152 queries, keys, values", HIDDEN, 3 * HIDDEN, KERNEL_IDENTITY, true},
    {"384 -> 384 output projection", HIDDEN, HIDDEN, KERNEL_IDENTITY, false},
    {"384 -> 1536 gelu", HIDDEN, INTERMEDIATE, KERNEL_GELU_ERF, true},
    {"1536 -> 384", INTERMEDIATE, HIDDEN, KERNEL_IDENTITY, false},
    {NULL, 0, 0, KERNEL_IDENTITY, false},
};
const size_t case_rows[] = {1, 4, 8, 12, 16, 48, 96, CASE_ROWS_MOST, 0};

/* Whole cache lines in every precision, as the engine has them, but no multiple of 1 KiB. */
size_t case_stride(size_t columns)
{
    return columns + (columns % 512 == 0 ? 32 : 0);
}

void *case_memory(size_t bytes)
{
    void *memory = mem_alloc_aligned(bytes, 1);
    if (memory == NULL) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    memset(memory, 0, bytes);
    return memory;
}

float *case_floats(size_t count)
{
    float *values = case_memory(count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = measure_normal();
    return values;
}

/* [rows][stride] numbers of the precision, made of random floats; stride even. */
static void *random_numbers(const kernel_precision *precision, size_t rows, size_t stride)
{
    float *values = case_floats(rows * stride);
    if (precision->narrow == NULL)
        return values;
    void *numbers = case_memory(rows * stride * sizeof(uint16_t));
    precision->narrow(rows, stride, values, stride, numbers, stride);
    mem_free(values);
    return numbers;
}

typedef struct product_run {
    const kernel_precision *precision;
    kernel_product product;
    unsigned char *weights; /* [copies][bytes] */
    size_t bytes, copies;
} product_run;

static void run_product(void *cookie, size_t round)
{
    product_run *run = cookie;
    run->product.weights = run->weights + round % run->copies * run->bytes;
    run->precision->multiply(&run->product);
}

static void pack_copies(product_run *run, const case_shape *shape, size_t copies)
{
    float *weights = case_floats(shape->inputs * shape->outputs), *bias = case_floats(shape->outputs);
    run->bytes = run->precision->packed_bytes(shape->outputs, shape->inputs);
    run->copies = copies > 0 ? copies : CASE_MEMORY_BYTES / run->bytes + 1;
    run->weights = case_memory(run->copies * run->bytes);
    for (size_t c = 0; c < run->copies; c++)
        run->precision->pack(run->weights + c * run->bytes, shape->outputs, shape->inputs, 0, shape->outputs,
                             weights, bias);
    mem_free(bias);
    mem_free(weights);
}

void cases_products(kernel_report *report, const kernel_subject *subject, const kernel_precision *precision)
{
    const size_t widest = case_stride(INTERMEDIATE);
    void *input = random_numbers(precision, CASE_ROWS_MOST, widest);
    float *output = case_memory(CASE_ROWS_MOST * widest * sizeof *output);
    for (int from_memory = 0; from_memory <= 1; from_memory++)
        for (const case_shape *shape = case_shapes; shape->name != NULL; shape++) {
            product_run run = {.precision = precision};
            pack_copies(&run, shape, from_memory ? 0 : 1);
            for (size_t r = 0; case_rows[r] != 0; r++) {
                const size_t rows = case_rows[r];
                run.product = (kernel_product){.rows = rows,
                                               .inputs = shape->inputs,
                                               .outputs = shape->outputs,
                                               .input = input,
                                               .input_stride = case_stride(shape->inputs),
                                               .output = output,
                                               .output_stride = case_stride(shape->outputs),
                                               .activation = shape->activation,
                                               .narrow_output = shape->narrow_output};
                const kernel_case it = {.name = shape->name,
                                        .weights = from_memory ? "memory" : "cache",
                                        .rows = rows,
                                        .work = 2.0 * (double)(rows * shape->inputs * shape->outputs),
                                        .streamed = from_memory ? run.weights : NULL,
                                        .streamed_bytes = run.copies * run.bytes,
                                        .bytes = run.bytes,
                                        .run = run_product,
                                        .cookie = &run};
                report_measure(report, subject, &it);
            }
            mem_free(run.weights);
        }
    mem_free(output);
    mem_free(input);
}

/* Of a product so short that the activation is a good part of it. */
void cases_activations(kernel_report *report, const kernel_subject *subject,
                       const kernel_precision *precision)
{
    enum { ROWS = 96, INPUTS = 64 };
    static const struct {
        const char *name;
        kernel_activation activation;
    } activations[] = {{"no activation", KERNEL_IDENTITY},
                       {"gelu", KERNEL_GELU_ERF},
                       {"gelu by tanh", KERNEL_GELU_TANH},
                       {"relu", KERNEL_RELU},
                       {"silu", KERNEL_SILU}};
    const size_t stride = case_stride(INTERMEDIATE);
    const case_shape shape = {.inputs = INPUTS, .outputs = INTERMEDIATE};
    void *input = random_numbers(precision, ROWS, INPUTS);
    float *output = case_memory(ROWS * stride * sizeof *output);
    product_run run = {.precision = precision};
    pack_copies(&run, &shape, 1);
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        char name[64];
        snprintf(name, sizeof name, "64 -> 1536, %s", activations[i].name);
        run.product = (kernel_product){.rows = ROWS,
                                       .inputs = INPUTS,
                                       .outputs = INTERMEDIATE,
                                       .input = input,
                                       .input_stride = INPUTS,
                                       .output = output,
                                       .output_stride = stride,
                                       .activation = activations[i].activation,
                                       .narrow_output = true};
        const kernel_case it = {
            .name = name, .weights = "cache", .rows = ROWS, .run = run_product, .cookie = &run};
        report_measure(report, subject, &it);
    }
    mem_free(run.weights);
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

/* Heads as the families have them, with the lengths that tell most. */
typedef struct attention_shape {
    const char *name;
    size_t heads, pairs, head_size, window;
    bool causal, bias;
    size_t lengths[7]; /* ends with 0 */
} attention_shape;

static const attention_shape attention_shapes[] = {
    {"attention, 12 heads of 32", 12, 12, 32, 0, false, false, {8, 16, 45, 128, 256, 512}},
    {"attention, 12 heads of 64", 12, 12, 64, 0, false, false, {32, 128, 512, 2048}},
    {"attention, 12 of 64, relative bias", 12, 12, 64, 0, false, true, {128, 512}},
    {"attention, 12 of 64, window 64", 12, 12, 64, 64, false, false, {512, 2048}},
    {"attention, 16 of 128 on 8, causal", 16, 8, 128, 0, true, false, {32, 128, 512, 2048}},
    {"attention, 3 of 256 on 1, window 512", 3, 1, 256, 512, false, false, {128, 2048}},
    {NULL},
};

/* Keys that the queries see together. */
static double visible_keys(const kernel_attention *a)
{
    double sum = 0;
    for (size_t t = 0; t < a->tokens; t++) {
        const kernel_keys seen = kernel_visible_keys(a, t);
        sum += (double)(seen.end - seen.first);
    }
    return sum;
}

static void measure_attention(kernel_report *report, const kernel_subject *subject,
                              const kernel_precision *precision, const attention_shape *shape, size_t tokens)
{
    const size_t hidden = shape->heads * shape->head_size;
    const size_t stride = case_stride(hidden + 2 * shape->pairs * shape->head_size);
    const size_t bias_stride = 2 * tokens - 1;
    void *qkv = random_numbers(precision, tokens, stride);
    float *output = case_memory(tokens * hidden * sizeof *output);
    float *bias = shape->bias ? case_floats((size_t)shape->heads * bias_stride + KERNEL_BIAS_ROOM) : NULL;
    void *scratch = case_memory(precision->attention_scratch_bytes(tokens, shape->head_size));
    attention_run run = {.precision = precision,
                         .attention = {.tokens = tokens,
                                       .heads = shape->heads,
                                       .head_size = shape->head_size,
                                       .key_value_heads = shape->pairs,
                                       .head_count = shape->heads,
                                       .causal = shape->causal,
                                       .window = shape->window,
                                       .qkv = qkv,
                                       .qkv_stride = stride,
                                       .output = output,
                                       .output_stride = hidden,
                                       .bias = bias != NULL ? bias + tokens - 1 : NULL,
                                       .bias_stride = bias_stride,
                                       .scratch = scratch}};
    const kernel_case it = {.name = shape->name,
                            .weights = "",
                            .rows = tokens,
                            .work = 4.0 * (double)hidden * visible_keys(&run.attention),
                            .run = run_attention,
                            .cookie = &run};
    report_measure(report, subject, &it);
    mem_free(scratch);
    mem_free(bias);
    mem_free(output);
    mem_free(qkv);
}

void cases_attention(kernel_report *report, const kernel_subject *subject, const kernel_precision *precision)
{
    for (const attention_shape *shape = attention_shapes; shape->name != NULL; shape++)
        for (const size_t *length = shape->lengths; *length != 0; length++)
            measure_attention(report, subject, precision, shape, *length);
}

typedef struct rows_run {
    const kernel_table *kernels;
    const kernel_precision *precision;
    kernel_norm norm;
} rows_run;

static void run_norm(void *cookie, size_t round)
{
    rows_run *run = cookie;
    (void)round;
    run->kernels->norm(&run->norm);
}

static void run_narrow(void *cookie, size_t round)
{
    rows_run *run = cookie;
    (void)round;
    run->precision->narrow(run->norm.rows, HIDDEN, run->norm.input, HIDDEN, run->norm.output, HIDDEN);
}

void cases_rows(kernel_report *report, const kernel_subject *subject, const kernel_table *kernels,
                const kernel_precision *precision)
{
    enum { ROWS = 96 };
    float *input = case_floats((size_t)ROWS * HIDDEN), *residual = case_floats((size_t)ROWS * HIDDEN);
    float *gamma = case_floats(HIDDEN), *beta = case_floats(HIDDEN);
    float *output = case_floats((size_t)ROWS * HIDDEN);
    rows_run run = {kernels,
                    precision,
                    {ROWS, HIDDEN, input, HIDDEN, residual, HIDDEN, gamma, beta, 1e-12f, output, HIDDEN}};
    kernel_case it = {
        .name = "residual and norm of 384", .weights = "", .rows = ROWS, .run = run_norm, .cookie = &run};
    report_measure(report, subject, &it);
    if (precision->narrow != NULL) {
        it.name = "f32 to the precision's numbers, 384";
        it.run = run_narrow;
        report_measure(report, subject, &it);
    }
    mem_free(output);
    mem_free(beta);
    mem_free(gamma);
    mem_free(residual);
    mem_free(input);
}
