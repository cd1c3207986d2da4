/* int8 in plain C. Packed: one record per output, [bias, scale] f32 and [inputs] int8, filled up to a whole cache line. */
#include "kernels/ref/ref.h"

#include <string.h>

#include "base/memory.h"
#include "kernels/ref/ref_number.h"

typedef struct record {
    float bias, scale;
    int8_t weights[];
} record;

static size_t record_bytes(size_t inputs)
{
    size_t bytes;
    if (!size_add(inputs, sizeof(record) + KERNEL_ALIGNMENT - 1, &bytes))
        return 0;
    return bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT;
}

static size_t packed_bytes(size_t outputs, size_t inputs)
{
    size_t bytes;
    return size_mul(record_bytes(inputs), outputs, &bytes) ? bytes : 0;
}

static void pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                 const float *weights, const float *bias)
{
    (void)outputs;
    for (size_t i = 0; i < count; i++) {
        record *to = (record *)((unsigned char *)packed + (first + i) * record_bytes(inputs));
        const float *from = weights + i * inputs;
        uint32_t greatest = 0;
        float inverse;
        for (size_t k = 0; k < inputs; k++)
            greatest = greatest > int8_magnitude(from[k]) ? greatest : int8_magnitude(from[k]);
        to->bias = bias[i];
        to->scale = int8_scale(greatest, &inverse);
        for (size_t k = 0; k < inputs; k++)
            to->weights[k] = (int8_t)(inverse != 0.0f ? int8_round(from[k], inverse) : 0);
    }
}

static float factor_at(const float *factors, size_t i)
{
    return factors != NULL ? factors[i] : 1.0f;
}

/* `numbers` of `from`, beginning at its number `at`, to one row. */
static void quantise_row(kernel_number number, const void *from, size_t at, const float *factors,
                         size_t numbers, int8_t *values, float *scales)
{
    for (size_t first = 0; first < numbers; first += INT8_CHUNK) {
        const size_t end = numbers - first < INT8_CHUNK ? numbers : first + INT8_CHUNK;
        uint32_t greatest = 0;
        float inverse;
        for (size_t i = first; i < end; i++) {
            uint32_t magnitude = int8_magnitude(ref_get(number, from, at + i) * factor_at(factors, i));
            greatest = greatest > magnitude ? greatest : magnitude;
        }
        scales[first / INT8_CHUNK] = int8_scale(greatest, &inverse);
        for (size_t i = first; i < end; i++)
            values[i] =
                (int8_t)(inverse != 0.0f
                             ? int8_round(ref_get(number, from, at + i) * factor_at(factors, i), inverse)
                             : 0);
    }
}

static void quantise(const int8_quantisation *q)
{
    for (size_t r = 0; r < q->rows; r++)
        quantise_row(q->number, q->from, r * q->from_stride, q->factors, q->columns,
                     (int8_t *)q->to.values + r * q->to.stride, q->to.scales + r * q->to.scale_stride);
}

static size_t scratch_bytes(size_t rows)
{
    (void)rows;
    return INT8_CHUNK * sizeof(float);
}

/* One element of a product before its activation. */
static float multiply_row(const int8_t *values, const float *scales, size_t inputs, const record *output)
{
    float sum = 0.0f;
    for (size_t first = 0; first < inputs; first += INT8_CHUNK) {
        const size_t end = inputs - first < INT8_CHUNK ? inputs : first + INT8_CHUNK;
        int32_t dot = 0;
        for (size_t i = first; i < end; i++)
            dot += values[i] * output->weights[i];
        sum += (float)dot * scales[first / INT8_CHUNK];
    }
    return sum * output->scale + output->bias;
}

static void multiply(const int8_product *product)
{
    const size_t outputs = product->outputs;
    float *chunk = product->scratch; /* of a row, to be quantised */
    for (size_t r = 0; r < product->rows; r++) {
        const int8_t *values = (const int8_t *)product->input.values + r * product->input.stride;
        const float *scales = product->input.scales + r * product->input.scale_stride;
        const int8_rows *to = &product->output_int8;
        for (size_t o = 0; o < outputs; o++) {
            const record *weights =
                (const record *)((const unsigned char *)product->weights + o * record_bytes(product->inputs));
            const float x =
                ref_activate(multiply_row(values, scales, product->inputs, weights), product->activation);
            if (product->form != INT8_TO_INT8) {
                ((float *)product->output)[r * product->output_stride + o] = x;
                continue;
            }
            chunk[o % INT8_CHUNK] = x;
            if ((o + 1) % INT8_CHUNK == 0 || o + 1 == outputs) {
                const size_t first = o / INT8_CHUNK * INT8_CHUNK;
                quantise_row(KERNEL_F32, chunk, 0, NULL, o + 1 - first,
                             (int8_t *)to->values + r * to->stride + first,
                             to->scales + r * to->scale_stride + first / INT8_CHUNK);
            }
        }
    }
}

/* Independent chains; what is volatile keeps the compiler from folding them. */
static double burst(size_t rounds)
{
    volatile int32_t unknown = 3;
    volatile uint32_t sink;
    const uint32_t factor = (uint32_t)unknown;
    uint32_t sums[16];
    for (uint32_t j = 0; j < 16; j++)
        sums[j] = j;
    for (size_t i = 0; i < rounds; i++)
        for (uint32_t j = 0; j < 16; j++)
            sums[j] += (sums[j] ^ factor) * factor;
    for (size_t j = 0; j < 16; j++)
        sink = sums[j];
    (void)sink;
    return 32.0 * (double)rounds;
}

const kernel_int8 ref_int8 = {
    .number = KERNEL_F32,
    .zero = 0,
    .row_block = 96,
    .column_step = 2,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .quantise = quantise,
    .scratch_bytes = scratch_bytes,
    .multiply = multiply,
    .burst = burst,
};
