/* The contract between the forward pass and the code that is fast on one kind of CPU.
 *
 * A tier is a named bundle of kernels ("reference", "avx2", "avx512"): one const kernel_table whose functions may use
 * every instruction of that tier. The reference is plain C and the specification. tests/unit/kernels holds every tier,
 * the reference too, against double precision with the error bounds written below.
 *
 * What every kernel of every tier keeps
 *   - A row of a result depends on that row of the input only: it is bit-identical whatever the number of rows, its
 *     place among them, and what the other rows hold. Sums over inputs therefore run in one fixed order.
 *   - A NaN makes NaN of every result it enters into; it is never replaced by a number. A sum that overflows f32 gives an
 *     infinity or a NaN, and an activation makes no number of that.
 *   - Nothing is allocated, no global state is read or written, any thread may call.
 *   - Matrices are row-major, of f32 where nothing else is said; a stride is the distance of two rows in numbers of the
 *     matrix. Only packed weights and scratch need an alignment (64 bytes); everything else is faster when aligned but may
 *     stand anywhere. Rows of bf16 begin at multiples of 4 bytes, so their strides are even; behind the last number of a
 *     row of odd length stands a zero, which the kernels write and read.
 *
 * u stands for 2^-24, half the spacing of floats at 1; v for 2^-8, the same of bf16. docs/KERNELS.md tells how a tier is
 * added. */
#ifndef KERNELS_KERNELS_H
#define KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#define KERNEL_ALIGNMENT 64
#define KERNEL_BIAS_ROOM 16
#define KERNEL_KEY_BLOCK 1024 /* of kernel_attention; a multiple of every tier's panel */

/* What is done to a product's element before it is stored. GELU_TANH is the tanh form
 * x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), SILU is x / (1 + exp(-x)). */
typedef enum kernel_activation {
    KERNEL_IDENTITY,
    KERNEL_GELU_ERF,
    KERNEL_GELU_TANH,
    KERNEL_RELU,
    KERNEL_SILU,
} kernel_activation;

/* What the rows that a precision's products take and its attention takes and gives are made of. Residuals, norms, biases
 * and sums are f32 in every precision. */
typedef enum kernel_number {
    KERNEL_F32,
    KERNEL_BF16, /* see bf16.h */
} kernel_number;

/* output[r][o] = activation(bias[o] + sum over i of input[r][i] * weight[o][i]).
 * Bounds: for the sum x, (inputs + 2) u S with S = |bias| + sum of |input * weight|; an activation multiplies the sum's
 * error by at most 1.2 and adds 4 u |x| (GELU_ERF), 8 u |x| (GELU_TANH, SILU) or nothing (RELU). Results below 2^-126 may be
 * zero.
 * KERNEL_BF16: input and weight are the numbers rounded to bf16, whose products are exact in f32; each of the additions
 * adds up to 2^-126 to the error, because the instructions flush denormals; GELU_ERF adds 5e-5 + 16 u |x| more; a
 * narrow output adds v |output|, its rounding. */
typedef struct kernel_product {
    size_t rows, inputs, outputs;
    const void *input; /* [rows][inputs] numbers of the precision, stride input_stride >= inputs */
    size_t input_stride;
    const void *weights; /* as written by pack, with its bias */
    void *output;        /* [rows][outputs], stride output_stride >= outputs; must not overlap the input */
    size_t output_stride;
    kernel_activation activation;
    /* the output is of the precision's numbers, for its next product or attention; else f32 */
    bool narrow_output;
} kernel_product;

/* Self-attention of one text, the heads first_head .. first_head + head_count - 1 of it; a head's result does not depend
 * on which others are computed in the same call:
 * output[t][h] = sum over s of p[t][s] value[s][h], p[t] = softmax over s in base 2 of query[t][h] . key[s][h].
 * Base 2 and no factor: log2(e) / sqrt(head_size) is folded into the query weights when they are packed. The greatest
 * score of a row is subtracted first, so finite scores of any size are safe. A score that overflows f32 gives NaN upwards and
 * the weight zero downwards; where the sum of |value| over the tokens overflows f32, so may the result.
 * Bound: (4 (head_size + 2) B + 2 tokens + 32) u max|value|, where B is the greatest sum of |query * key| of the row and
 * the bound is below 1. KERNEL_BF16: 2.1 v max|value| + 2^-126 (tokens + 1) more, for the rounding of p and of the
 * output.
 * With a bias, bias[h][s - t] is added to each score; B then holds its greatest magnitude too.
 * Grouped heads: query head h takes the keys and values of head h / (heads / key_value_heads).
 * Masks: query t sees the keys s that kernel_visible_keys names. The others have the weight zero, and no score is computed for blocks of
 * keys that none of a block of queries sees; a NaN among values that are not seen may enter the result.
 * Fast tiers take keys in blocks of KERNEL_KEY_BLOCK from the text's beginning on, so that their scratch has a bound that does not depend
 * on the text. A row's result depends on the keys that it sees, on their places in the text and on nothing behind them.
 * Prefix: keys and values of the text's first tokens may come from elsewhere; then only the queries behind them are computed, each with the
 * bits that it has where all are. */
typedef struct kernel_attention {
    size_t tokens, heads, head_size; /* heads: of queries and output. KERNEL_BF16: an even head_size */
    size_t key_value_heads;          /* a divisor of heads; 0 = heads */
    size_t first_head, head_count;
    bool causal;          /* no key behind the query */
    size_t window;        /* no key farther from the query than this, on either side; 0 = all */
    size_t prefix_tokens; /* < tokens; only of a causal text without bias */
    const void *prefix;   /* [prefix_tokens] rows of [key_value_heads][head_size] keys, the same of values */
    size_t prefix_stride;
    /* [tokens - prefix_tokens] rows of [heads][head_size] queries, [key_value_heads][head_size] keys, the same of values */
    const void *qkv;
    size_t qkv_stride;
    void *output; /* [tokens - prefix_tokens][heads][head_size] numbers; must not overlap qkv */
    size_t output_stride;
    /* NULL, or relative positions in base 2: of head h, bias[h * bias_stride + d] for distances d of -(tokens - 1) to tokens - 1, with
     * KERNEL_BIAS_ROOM more that can be read. */
    const float *bias;
    size_t bias_stride;
    void *scratch; /* [attention_scratch_bytes(tokens, head_size)], 64-byte aligned, contents do not matter */
} kernel_attention;

static inline size_t kernel_key_value_heads(const kernel_attention *a)
{
    return a->key_value_heads > 0 ? a->key_value_heads : a->heads;
}

/* The keys of a token, and behind them its values; size: bytes of a number. */
static inline const void *kernel_keys_of(const kernel_attention *a, size_t token, size_t size)
{
    if (token < a->prefix_tokens)
        return (const unsigned char *)a->prefix + token * a->prefix_stride * size;
    return (const unsigned char *)a->qkv +
           ((token - a->prefix_tokens) * a->qkv_stride + a->heads * a->head_size) * size;
}

/* Keys first .. end - 1, never none. */
typedef struct kernel_keys {
    size_t first, end;
} kernel_keys;

static inline kernel_keys kernel_visible_keys(const kernel_attention *a, size_t query)
{
    const size_t behind = a->tokens - query;
    return (kernel_keys){
        .first = a->window > 0 && query > a->window ? query - a->window : 0,
        .end = query + (a->causal                                 ? 1
                        : a->window > 0 && behind > a->window + 1 ? a->window + 1
                                                                  : behind),
    };
}

/* Queries or keys of consecutive positions, in place: each head is normalised and then turned.
 * y = gamma * x / sqrt(mean(x^2) + epsilon), the mean over the head, where there is a gamma; a head whose squares overflow f32 becomes NaN.
 * Then, where there is a table, numbers i and i + head_size / 2 are turned in their plane: y[i] = x[i] cos - x[i + half] sin,
 * y[i + half] = x[i + half] cos + x[i] sin.
 * Bounds, of f32 and before the number is rounded to the precision's: (head_size / 8 + 16) u |y| for the norm, 4 u (|x[i]| + |x[i + half]|)
 * for the turn. */
typedef struct kernel_rotary {
    size_t rows, heads, head_size; /* head_size: even where there is a table */
    void *numbers;                 /* [rows][heads][head_size] numbers, stride `stride` */
    size_t stride;
    const float *gamma; /* [head_size]; NULL = no norm */
    float epsilon;
    /* [rows] of [head_size / 2] cosines and as many sines, dense; NULL = nothing is turned */
    const float *table;
} kernel_rotary;

/* output[r][j] = activation(gate[r][j]) * up[r][j]. Bound: that of the activation times |up|, and u |output|. */
typedef struct kernel_gate {
    size_t rows, columns;
    const float *gate, *up; /* [rows][columns], `stride` apart */
    size_t stride;
    kernel_activation activation;
    /* [rows][columns] numbers of the precision, stride output_stride; behind an odd row a zero */
    void *output;
    size_t output_stride;
} kernel_gate;

/* Products and attention of one precision. Weights are packed once, into a layout that only the tier knows. */
typedef struct kernel_precision {
    kernel_number number;

    /* Rows that are best worked on at once, so that what lies between two products stays in the L2 cache. */
    size_t row_block;

    /* A matrix packed whole is cut in two at any multiple of this many outputs: the second part is a packed matrix too,
     * packed_bytes(outputs before the cut, inputs) behind the first. A product of both parts, the second with output
     * moved on by the outputs before the cut, is bit-identical to the product of the whole. A multiple of 2. */
    size_t column_step;

    /* Bytes of a packed [outputs][inputs] matrix with its bias, a multiple of 64; 0 when it does not fit size_t. */
    size_t (*packed_bytes)(size_t outputs, size_t inputs);

    /* Writes the outputs first .. first + count - 1 of a matrix into `packed` ([packed_bytes], 64-byte aligned, zeroed
     * before the first call). weights: [count][inputs] f32 dense; bias: [count] f32. Outputs may come in any order and
     * grouping. */
    void (*pack)(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                 const float *weights, const float *bias);

    /* Makes packed weights of those stored in 4 bits by int4_pack with panels of column_step outputs (see int4.h): bit by bit
     * what pack makes of the weights they stand for, but for what fills up the last 64 bytes. packed: [packed_bytes], 64-byte
     * aligned. NULL: the tier cannot. */
    void (*expand)(const void *stored, size_t outputs, size_t inputs, void *packed);

    /* to[r][i] = from[r][i] rounded to a number of the precision; NULL for KERNEL_F32. */
    void (*narrow)(size_t rows, size_t columns, const float *from, size_t from_stride, void *to,
                   size_t to_stride);

    void (*multiply)(const kernel_product *product);

    /* A multiple of 64, never less for more tokens; of fast tiers the same for all beyond KERNEL_KEY_BLOCK. 0 when it does not fit
     * size_t. */
    size_t (*attention_scratch_bytes)(size_t tokens, size_t head_size);
    void (*attention)(const kernel_attention *attention);
    void (*rotary)(const kernel_rotary *rotary);
    void (*gate)(const kernel_gate *gate);

    /* The instruction of the products in registers only, as many at once as the CPU can take: what the roof is measured
     * with. Returns the floating-point operations done, at least `rounds`. */
    double (*burst)(size_t rounds);
} kernel_precision;

/* output row t = gamma * (x - mean(x)) / sqrt(variance(x) + epsilon) + beta with x = input row t + residual row t, the
 * variance being the mean square deviation; for RMSNorm mean(x) is 0. Finite x of any size give a finite row: where a sum of f32 would overflow, it is
 * taken in f64.
 * Bound: (columns / 8 + 16) u (|gamma| (|y| + max|x| / sqrt(variance + epsilon)) + |beta|), y being the normalised x. */
typedef struct kernel_norm {
    size_t rows, columns;
    const float *input; /* [rows][columns] */
    size_t input_stride;
    const float *residual;     /* [rows][columns] */
    size_t residual_stride;    /* 0 = one row for all */
    const float *gamma, *beta; /* [columns] */
    float epsilon;             /* > 0 */
    float *output;             /* [rows][columns]; may be the input or the residual itself */
    size_t output_stride;
    bool rms;   /* RMSNorm: the mean is not taken away */
    float *sum; /* NULL, or where x goes, [rows][columns]; may be the input or the residual, not the output */
    size_t sum_stride;
} kernel_norm;

struct kernel_int8; /* see int8.h */

typedef struct kernel_table {
    const char *name;
    const kernel_precision *fp32;
    const kernel_precision *bf16; /* NULL when the tier has none */
    bool bf16_is_faster;          /* than the tier's fp32 */
    /* NULL when the tier has none; its number is that of fp32 or bf16 above */
    const struct kernel_int8 *int8;
    bool int8_is_faster; /* than both */
    void (*norm)(const kernel_norm *norm);
} kernel_table;

/* The tiers of this build that this CPU and operating system can run, best first, NULL-terminated; the last one is
 * "reference". Static storage, thread-safe. */
const kernel_table *const *kernels_available(void);

/* By name, NULL = the best; NULL when it is not available. */
const kernel_table *kernels_find(const char *name);

#endif
