/* int8: products over whole numbers of -127 .. 127. A number stands for itself times a scale, an f32: one per output of a
 * weight matrix, fixed when it is packed, and one per INT8_CHUNK numbers of a row, found from these numbers alone.
 * Attention, residuals, norms, activations and biases stay in a precision that has its own kernels.
 *
 * Only weights and activations are rounded. Sums of products are exact, so that a tier differs from another by how its weights
 * were rounded and by a few roundings of f32. */
#ifndef KERNELS_INT8_H
#define KERNELS_INT8_H

#include <stdint.h>
#include <string.h>

#include "kernels/kernels.h"

#define INT8_CHUNK 384       /* a multiple of 64; sums over a chunk are exact in f32 too */
#define INT8_MOST 127        /* -128 is not used */
#define INT8_LEAST 0x1p-100f /* numbers below it count as zero where their chunk has no greater one */

/* Rows of int8. Number i of a row is (values[i] - zero) * scales[i / INT8_CHUNK], zero being that of the kernels. What stands
 * behind a row's last number, up to the next multiple of 64, may be read and written and has no influence. */
typedef struct int8_rows {
    unsigned char *values; /* [rows][numbers], 64-byte aligned */
    size_t stride;         /* in bytes, a multiple of 64 */
    float *scales;         /* [rows][int8_chunks(numbers)] */
    size_t scale_stride;
} int8_rows;

/* Where a product's output goes, and as what. */
typedef enum int8_form {
    INT8_TO_F32,
    INT8_TO_NUMBERS, /* of kernel_int8.number: what narrow of the precision with these numbers makes of the f32 */
    INT8_TO_INT8, /* what quantise makes of the f32, bit by bit */
} int8_form;

/* output[r][o] = activation(bias[o] + scale[o] * sum over chunks c of input.scales[r][c] * dot[c]), dot[c] being the exact sum
 * of (input.values[r][i] - zero) * weight[o][i] over the chunk.
 * Bounds: for the sum x, (chunks + 4) u S + 2^-126 with S = |bias| + sum of |input * weight|, both as they were rounded; an
 * activation multiplies the sum's error by at most 1.2 and adds 6e-4 + 16 u |x| (GELU_ERF), 8 u |x| (GELU_TANH, SILU) or nothing
 * (RELU). */
typedef struct int8_product {
    size_t rows, inputs, outputs;
    int8_rows input;
    const void *weights; /* as written by pack, with its bias */
    kernel_activation activation;
    int8_form form;
    void *output;          /* [rows][outputs] f32 or numbers; unused for INT8_TO_INT8 */
    size_t output_stride;  /* in f32 or numbers; even for bf16 */
    int8_rows output_int8; /* for INT8_TO_INT8; must not overlap the input */
    void *scratch;         /* [scratch_bytes(rows)], 64-byte aligned, contents do not matter */
} int8_product;

/* Rows of f32 or of kernel_int8.number as int8: number i of a row is first multiplied by factors[i], and the weights that
 * meet it were divided by that before they were packed. So an input that is much greater than others in every row does not
 * coarsen the scale of all. Bit by bit as int8_scale and int8_round say. */
typedef struct int8_quantisation {
    size_t rows, columns;
    kernel_number number;
    const void *from; /* [rows][columns] of `number`, stride from_stride */
    size_t from_stride;
    const float *factors; /* [columns], powers of two; NULL = 1 */
    int8_rows to;
} int8_quantisation;

typedef struct kernel_int8 {
    kernel_number number; /* what attention beside these products works on: that of the tier's bf16 or fp32 */
    /* 0 where the instructions multiply signed by signed, 128 where one side is unsigned */
    unsigned char zero;
    size_t row_block; /* as in kernel_precision */
    /* as in kernel_precision; divides INT8_CHUNK, at whose multiples INT8_TO_INT8 may be cut */
    size_t column_step;

    /* As in kernel_precision. The packed weights of an output are within greatest / INT8_MOST of its weights,
     * greatest being their largest magnitude. */
    size_t (*packed_bytes)(size_t outputs, size_t inputs);
    void (*pack)(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                 const float *weights, const float *bias);

    void (*quantise)(const int8_quantisation *quantisation);

    /* For at most `rows` rows; a multiple of 64, or 0 when it does not fit size_t. */
    size_t (*scratch_bytes)(size_t rows);
    void (*multiply)(const int8_product *product);

    double (*burst)(size_t rounds); /* as in kernel_precision */
} kernel_int8;

static inline size_t int8_chunks(size_t numbers)
{
    return numbers / INT8_CHUNK + (numbers % INT8_CHUNK != 0);
}

/* What the scale of a chunk is found from: the greatest of its magnitudes as bits, NaN being greater than infinity. */
static inline uint32_t int8_magnitude(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x7fffffff;
}

/* The scale of a chunk, and in *inverse what its numbers are multiplied by. A NaN or an infinity makes the scale NaN, and
 * with it every result. */
static inline float int8_scale(uint32_t greatest_magnitude, float *inverse)
{
    float greatest;
    memcpy(&greatest, &greatest_magnitude, sizeof greatest);
    *inverse = 0.0f;
    if (greatest_magnitude >= 0x7f800000)
        return __builtin_nanf("");
    if (greatest < INT8_LEAST)
        return 0.0f;
    *inverse = (float)INT8_MOST / greatest;
    return greatest / (float)INT8_MOST;
}

/* To the nearest, ties to even; of a chunk whose scale is a number. */
static inline int int8_round(float x, float inverse)
{
    return (int)__builtin_rintf(x * inverse);
}

#endif
