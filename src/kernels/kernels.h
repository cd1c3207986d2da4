/* The contract between the forward pass and the code that is fast on one kind of CPU.
 *
 * A tier is a named bundle of kernels ("reference", "avx2", "avx512"): one const kernel_table whose functions may use
 * every instruction of that tier. The reference is plain C and the specification. tests/unit/kernels holds every tier,
 * the reference too, against double precision with the error bounds written below.
 *
 * What every kernel of every tier keeps
 *   - A row of a result depends on that row of the input only: it is bit-identical whatever the number of rows, its
 *     place among them, and what the other rows hold. Sums over inputs therefore run in one fixed order.
 *   - A NaN makes NaN of every result it enters into; it is never replaced by a number.
 *   - Nothing is allocated, no global state is read or written, any thread may call.
 *   - Matrices are row-major f32; a stride is the distance of two rows in floats. Only packed weights and scratch need
 *     an alignment (64 bytes); everything else is faster when aligned but may stand anywhere.
 *
 * u stands for 2^-24, half the spacing of floats at 1. docs/KERNELS.md tells how a tier is added. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#define KERNEL_ALIGNMENT 64

/* What is done to a product's element before it is stored. GELU_TANH is the tanh form
 * x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
typedef enum kernel_activation {
    KERNEL_IDENTITY,
    KERNEL_GELU_ERF,
    KERNEL_GELU_TANH,
    KERNEL_RELU,
} kernel_activation;

/* output[r][o] = activation(bias[o] + sum over i of input[r][i] * weight[o][i]).
 * Bounds: for the sum x, (inputs + 2) u S with S = |bias| + sum of |input * weight|; an activation multiplies the sum's
 * error by at most 1.2 and adds 4 u |x| (GELU_ERF), 8 u |x| (GELU_TANH) or nothing (RELU). Results below 2^-126 may be
 * zero. */
typedef struct kernel_product {
    size_t rows, inputs, outputs;
    const float *input; /* [rows][inputs], stride input_stride >= inputs */
    size_t input_stride;
    const void *weights; /* as written by pack, with its bias */
    float *output;       /* [rows][outputs], stride output_stride >= outputs; must not overlap the input */
    size_t output_stride;
    kernel_activation activation;
} kernel_product;

/* Matrix products of one precision. Weights are packed once, into a layout that only the tier knows. */
typedef struct kernel_linear {
    /* Rows that are best worked on at once, so that what lies between two products stays in the L2 cache. */
    size_t row_block;

    /* Bytes of a packed [outputs][inputs] matrix with its bias, a multiple of 64; 0 when it does not fit size_t. */
    size_t (*packed_bytes)(size_t outputs, size_t inputs);

    /* Writes the outputs first .. first + count - 1 of a matrix into `packed` ([packed_bytes], 64-byte aligned, zeroed
     * before the first call). weights: [count][inputs] f32 dense; bias: [count] f32. Outputs may come in any order and
     * grouping. */
    void (*pack)(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                 const float *weights, const float *bias);

    void (*multiply)(const kernel_product *product);
} kernel_linear;

/* output row t = gamma * (x - mean(x)) / sqrt(variance(x) + epsilon) + beta with x = input row t + residual row t, the
 * variance being the mean square deviation.
 * Bound: (columns / 8 + 16) u (|gamma| (|y| + max|x| / sqrt(variance + epsilon)) + |beta|), y being the normalised x. */
typedef struct kernel_norm {
    size_t rows, columns;
    const float *input; /* [rows][columns] */
    size_t input_stride;
    const float *residual; /* [rows][columns] */
    size_t residual_stride;
    const float *gamma, *beta; /* [columns] */
    float epsilon;             /* > 0 */
    float *output;             /* [rows][columns]; may be the input or the residual itself */
    size_t output_stride;
} kernel_norm;

/* Self-attention of one text, all heads:
 * output[t][h] = sum over s of p[t][s] value[s][h], p[t] = softmax over s in base 2 of query[t][h] . key[s][h].
 * Base 2 and no factor: log2(e) / sqrt(head_size) is folded into the query weights when they are packed. The greatest
 * score of a row is subtracted first, so finite scores of any size are safe.
 * Bound: (4 (head_size + 2) B + 2 tokens + 32) u max|value|, where B is the greatest sum of |query * key| of the row and
 * the bound is below 1. */
typedef struct kernel_attention {
    size_t tokens, heads, head_size;
    const float *qkv; /* [tokens][3][heads][head_size]: queries, keys, values */
    size_t qkv_stride;
    float *output; /* [tokens][heads][head_size]; must not overlap qkv */
    size_t output_stride;
    void *scratch; /* [attention_scratch_bytes(tokens, head_size)], 64-byte aligned, contents do not matter */
} kernel_attention;

typedef struct kernel_table {
    const char *name;
    const kernel_linear *fp32;
    void (*norm)(const kernel_norm *norm);
    /* A multiple of 64, growing with tokens; 0 when it does not fit size_t. */
    size_t (*attention_scratch_bytes)(size_t tokens, size_t head_size);
    void (*attention)(const kernel_attention *attention);
    /* Multiply-adds in registers only, as many at once as the CPU can take: what the roof of fp32 is measured with.
     * Returns the floating-point operations done, at least `rounds`. */
    double (*fma_burst)(size_t rounds);
} kernel_table;

/* The tiers of this build that this CPU and operating system can run, best first, NULL-terminated; the last one is
 * "reference". Static storage, thread-safe. */
const kernel_table *const *kernels_available(void);

/* By name, NULL = the best; NULL when it is not available. */
const kernel_table *kernels_find(const char *name);

#endif
