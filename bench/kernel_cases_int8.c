#include "kernel_cases.h"

#include "base/memory.h"
#include "kernels/int8.h"

#define HIDDEN 384

typedef struct int8_run {
    const kernel_int8 *kernels;
    int8_product product;
    unsigned char *weights; /* [copies][bytes] */
    size_t bytes, copies;
} int8_run;

static void run_product(void *cookie, size_t round)
{
    int8_run *run = cookie;
    run->product.weights = run->weights + round % run->copies * run->bytes;
    run->kernels->multiply(&run->product);
}

/* Rows with room for `columns` numbers; free values and scales with mem_free. */
static int8_rows make_rows(size_t rows, size_t columns)
{
    const size_t stride = (columns + (columns % 512 == 0 ? 64 : 0) + 63) / 64 * 64;
    return (int8_rows){case_memory(rows * stride), stride,
                       case_memory(rows * int8_chunks(columns) * sizeof(float)), int8_chunks(columns)};
}

static void free_rows(int8_rows *rows)
{
    mem_free(rows->values);
    mem_free(rows->scales);
}

static int8_rows random_rows(const kernel_int8 *kernels, size_t rows, size_t columns)
{
    int8_rows made = make_rows(rows, columns);
    float *values = case_floats(rows * columns);
    kernels->quantise(&(int8_quantisation){rows, columns, KERNEL_F32, values, columns, NULL, made});
    mem_free(values);
    return made;
}

static void pack_copies(int8_run *run, size_t outputs, size_t inputs, bool from_memory)
{
    float *weights = case_floats(inputs * outputs), *bias = case_floats(outputs);
    run->bytes = run->kernels->packed_bytes(outputs, inputs);
    run->copies = from_memory ? CASE_MEMORY_BYTES / run->bytes + 1 : 1;
    run->weights = case_memory(run->copies * run->bytes);
    for (size_t c = 0; c < run->copies; c++)
        run->kernels->pack(run->weights + c * run->bytes, outputs, inputs, 0, outputs, weights, bias);
    mem_free(bias);
    mem_free(weights);
}

/* As a pass has it: what attention reads in its numbers, the middle of the feed-forward net in int8. */
static int8_form form_of(const case_shape *shape)
{
    if (!shape->narrow_output)
        return INT8_TO_F32;
    return shape->activation == KERNEL_IDENTITY ? INT8_TO_NUMBERS : INT8_TO_INT8;
}

static void measure_shape(kernel_report *report, const kernel_subject *subject, int8_run *run,
                          const case_shape *shape, bool from_memory)
{
    const size_t stride = case_stride(shape->outputs);
    float *output = case_memory(CASE_ROWS_MOST * stride * sizeof *output);
    int8_rows input = random_rows(run->kernels, CASE_ROWS_MOST, shape->inputs);
    int8_rows output_int8 = make_rows(CASE_ROWS_MOST, shape->outputs);
    void *scratch = case_memory(run->kernels->scratch_bytes(CASE_ROWS_MOST));
    pack_copies(run, shape->outputs, shape->inputs, from_memory);
    for (size_t r = 0; case_rows[r] != 0; r++) {
        run->product = (int8_product){.rows = case_rows[r],
                                      .inputs = shape->inputs,
                                      .outputs = shape->outputs,
                                      .input = input,
                                      .activation = shape->activation,
                                      .form = form_of(shape),
                                      .output = output,
                                      .output_stride = stride,
                                      .output_int8 = output_int8,
                                      .scratch = scratch};
        const kernel_case it = {.name = shape->name,
                                .weights = from_memory ? "memory" : "cache",
                                .rows = case_rows[r],
                                .work = 2.0 * (double)(case_rows[r] * shape->inputs * shape->outputs),
                                .streamed = from_memory ? run->weights : NULL,
                                .streamed_bytes = run->copies * run->bytes,
                                .bytes = run->bytes,
                                .run = run_product,
                                .cookie = run};
        report_measure(report, subject, &it);
    }
    mem_free(run->weights);
    mem_free(scratch);
    free_rows(&output_int8);
    free_rows(&input);
    mem_free(output);
}

typedef struct quantise_run {
    const kernel_int8 *kernels;
    const float *from;
    size_t rows, columns;
    int8_rows to;
} quantise_run;

static void run_quantise(void *cookie, size_t round)
{
    const quantise_run *run = cookie;
    (void)round;
    run->kernels->quantise(
        &(int8_quantisation){run->rows, run->columns, KERNEL_F32, run->from, run->columns, NULL, run->to});
}

void cases_int8(kernel_report *report, const kernel_subject *subject, const kernel_int8 *kernels)
{
    for (int from_memory = 0; from_memory <= 1; from_memory++)
        for (const case_shape *shape = case_shapes; shape->name != NULL; shape++) {
            int8_run run = {.kernels = kernels};
            measure_shape(report, subject, &run, shape, from_memory);
        }
    enum { ROWS = 96 };
    float *from = case_floats((size_t)ROWS * HIDDEN);
    quantise_run run = {kernels, from, ROWS, HIDDEN, make_rows(ROWS, HIDDEN)};
    const kernel_case it = {.name = "f32 to int8 with scales, 384",
                            .weights = "",
                            .rows = ROWS,
                            .run = run_quantise,
                            .cookie = &run};
    report_measure(report, subject, &it);
    free_rows(&run.to);
    mem_free(from);
}
