#include "engine/head_chain.h"

#include "base/error.h"
#include "base/memory.h"
#include "engine/pooling.h"
#include "engine/sparse_head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Floats of a cache line: rows of the scratch begin at multiples of it. */
#define LINE_FLOATS 16

struct head_chain {
    const model_heads *list;
    const kernel_precision *linear;
    size_t steps;                    /* of the list, without the Normalize at its end */
    size_t outputs;                  /* of the last step */
    size_t stride;                   /* of the scratch: the widest vector between two steps */
    void *packed[MODEL_MAX_MODULES]; /* of each Dense */
    size_t packed_bytes;
    void *token_dense; /* packed; NULL = the model has none */
    sparse_head *sparse;
};

/* The vectors of some texts between two steps: `now` and `next` are [HEAD_CHAIN_ROWS][stride]. */
typedef struct block {
    const head_chain *chain;
    encoder_sequence *sequences; /* [rows] */
    size_t rows;
    const float *states;
    const uint32_t *offsets; /* of these sequences; NULL: pooled already */
    float *now, *next;
} block;

static aki_status pack_dense(head_chain *chain, const model_head *step, void **out, aki_error *error)
{
    const size_t bytes = chain->linear->packed_bytes(step->outputs, step->inputs);
    *out = bytes > 0 ? mem_alloc_aligned(bytes, 1) : NULL;
    if (*out == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a Dense of %zu x %zu numbers",
                         step->outputs, step->inputs);
    memset(*out, 0, bytes);
    chain->linear->pack(*out, step->outputs, step->inputs, 0, step->outputs, step->weight, step->bias);
    chain->packed_bytes += bytes;
    return AKI_OK;
}

aki_status head_chain_open(head_chain **out, const model_heads *list, const kernel_table *kernels,
                           aki_error *error)
{
    *out = NULL;
    head_chain *chain = mem_zalloc(1, sizeof *chain);
    if (chain == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the model's modules");
    chain->list = list;
    chain->linear = kernels->fp32;
    chain->steps = list->count;
    while (list->steps[chain->steps - 1].kind == MODEL_HEAD_NORMALIZE)
        chain->steps--;
    chain->outputs = list->steps[list->count - 1].outputs;
    aki_status status = AKI_OK;
    for (size_t i = 0; i < list->count && status == AKI_OK; i++) {
        const size_t width = (list->steps[i].outputs + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
        chain->stride = width > chain->stride ? width : chain->stride;
        if (list->steps[i].kind == MODEL_HEAD_DENSE)
            status = pack_dense(chain, &list->steps[i], &chain->packed[i], error);
    }
    if (status == AKI_OK && list->token_dense.outputs > 0)
        status = pack_dense(chain, &list->token_dense, &chain->token_dense, error);
    if (status != AKI_OK) {
        head_chain_close(chain);
        return status;
    }
    *out = chain;
    return AKI_OK;
}

void head_chain_close(head_chain *chain)
{
    if (chain == NULL)
        return;
    for (size_t i = 0; i < MODEL_MAX_MODULES; i++)
        mem_free(chain->packed[i]);
    mem_free(chain->token_dense);
    sparse_head_close(chain->sparse);
    mem_free(chain);
}

void head_chain_take_sparse(head_chain *chain, sparse_head *sparse)
{
    chain->sparse = sparse;
}

const sparse_head *head_chain_sparse(const head_chain *chain)
{
    return chain->sparse;
}

size_t head_chain_dimension(const head_chain *chain)
{
    return chain->list->dimension;
}

size_t head_chain_hidden(const head_chain *chain)
{
    return chain->list->steps[0].inputs;
}

size_t head_chain_token_width(const head_chain *chain)
{
    return chain->token_dense != NULL ? chain->list->token_dense.outputs : head_chain_hidden(chain);
}

const model_head *head_chain_pooling(const head_chain *chain)
{
    return &chain->list->steps[0];
}

bool head_chain_normalizes(const head_chain *chain)
{
    return chain->steps < chain->list->count;
}

bool head_chain_takes_last(const head_chain *chain, const encoder_sequence *sequence)
{
    const model_head *pooling = head_chain_pooling(chain);
    return sequence->output == ENCODER_VECTOR && chain->sparse == NULL && pooling->poolings_count == 1 &&
           pooling_of(pooling, 0, sequence->pooling) == AKI_POOLING_LAST;
}

size_t head_chain_bytes(const head_chain *chain)
{
    return chain->packed_bytes + (chain->sparse != NULL ? sparse_head_bytes(chain->sparse) : 0);
}

size_t head_chain_scratch(const head_chain *chain)
{
    const size_t own = 2 * HEAD_CHAIN_ROWS * chain->stride,
                 sparse = chain->sparse != NULL ? sparse_head_scratch(chain->sparse) : 0;
    return own > sparse ? own : sparse;
}

/* ---- The steps: each from `now` to `now` ---- */

static void pool_one(const block *b, size_t row, const model_head *step)
{
    const size_t hidden = step->inputs;
    const encoder_sequence *sequence = &b->sequences[row];
    float *vector = b->now + row * b->chain->stride;
    if (b->offsets == NULL) {
        memcpy(vector, b->states + row * hidden, hidden * sizeof *vector);
        return;
    }
    /* Fewer than the sequence has where it has taken over its first ones, which only the last token's pooling allows. */
    const size_t tokens = b->offsets[row + 1] - b->offsets[row];
    const float *states = b->states + b->offsets[row] * hidden;
    for (size_t i = 0; i < step->poolings_count; i++)
        pooling_apply(pooling_of(step, i, sequence->pooling), states, tokens, hidden, vector + i * hidden);
}

/* ColBERT's vectors: of all tokens but the first, normalised. */
static void project_tokens(const head_chain *chain, encoder_sequence *sequence, const float *states)
{
    const model_head *dense = &chain->list->token_dense;
    const size_t tokens = sequence->count - 1;
    if (tokens > 0)
        chain->linear->multiply(&(kernel_product){.rows = tokens,
                                                  .inputs = dense->inputs,
                                                  .outputs = dense->outputs,
                                                  .input = states + dense->inputs,
                                                  .input_stride = dense->inputs,
                                                  .weights = chain->token_dense,
                                                  .output = sequence->vector,
                                                  .output_stride = dense->outputs});
    sequence->status = pooling_is_finite(sequence->vector, tokens * dense->outputs) ? AKI_OK : AKI_NOT_FINITE;
    for (size_t t = 0; t < tokens; t++)
        pooling_normalize(sequence->vector + t * dense->outputs, dense->outputs);
}

/* The output is of the tokens, or is computed by the sparse head: the steps that follow get zeros, and nothing of them goes out. */
static void take_tokens(const block *b, size_t row, const model_head *step)
{
    encoder_sequence *sequence = &b->sequences[row];
    const float *states = b->states + b->offsets[row] * step->inputs;
    const size_t numbers = sequence->count * step->inputs;
    memset(b->now + row * b->chain->stride, 0, step->outputs * sizeof *b->now);
    if (sequence->output == ENCODER_SPARSE)
        return;
    if (sequence->output == ENCODER_TOKENS && b->chain->token_dense != NULL) {
        project_tokens(b->chain, sequence, states);
        return;
    }
    memcpy(sequence->vector, states, numbers * sizeof *sequence->vector);
    sequence->status = pooling_is_finite(sequence->vector, numbers) ? AKI_OK : AKI_NOT_FINITE;
}

/* A later step may turn an infinity into a number, as tanh does: so it is looked for here too. */
static void run_pooling(block *b, const model_head *step, const void *packed)
{
    (void)packed;
    for (size_t r = 0; r < b->rows; r++) {
        if (b->sequences[r].output != ENCODER_VECTOR) {
            take_tokens(b, r, step);
            continue;
        }
        pool_one(b, r, step);
        b->sequences[r].status =
            pooling_is_finite(b->now + r * b->chain->stride, step->outputs) ? AKI_OK : AKI_NOT_FINITE;
    }
}

/* Those that the kernels have, they apply. */
static kernel_activation kernel_activation_of(model_head_activation activation)
{
    return activation == MODEL_HEAD_RELU   ? KERNEL_RELU
           : activation == MODEL_HEAD_GELU ? KERNEL_GELU_ERF
                                           : KERNEL_IDENTITY;
}

static void run_dense(block *b, const model_head *step, const void *packed)
{
    const size_t stride = b->chain->stride;
    const kernel_activation fused = kernel_activation_of(step->activation);
    const kernel_product product = {.rows = b->rows,
                                    .inputs = step->inputs,
                                    .outputs = step->outputs,
                                    .input = b->now,
                                    .input_stride = stride,
                                    .weights = packed,
                                    .output = b->next,
                                    .output_stride = stride,
                                    .activation = fused};
    b->chain->linear->multiply(&product);
    float *done = b->next;
    b->next = b->now;
    b->now = done;
    if (fused != KERNEL_IDENTITY || step->activation == MODEL_HEAD_IDENTITY)
        return;
    for (size_t r = 0; r < b->rows; r++)
        for (size_t d = 0; d < step->outputs; d++)
            done[r * stride + d] = head_activate(done[r * stride + d], step->activation);
}

static void run_layer_norm(block *b, const model_head *step, const void *packed)
{
    const double epsilon = step->epsilon > 0 ? (double)step->epsilon : MODEL_HEAD_EPSILON;
    (void)packed;
    for (size_t r = 0; r < b->rows; r++) {
        float *x = b->now + r * b->chain->stride;
        double mean = 0, variance = 0;
        for (size_t d = 0; d < step->outputs; d++)
            mean += x[d];
        mean /= (double)step->outputs;
        for (size_t d = 0; d < step->outputs; d++)
            variance += (x[d] - mean) * (x[d] - mean);
        const double scale = 1.0 / sqrt(variance / (double)step->outputs + epsilon);
        for (size_t d = 0; d < step->outputs; d++)
            x[d] = (float)((x[d] - mean) * scale * step->weight[d] + step->bias[d]);
    }
}

static void run_normalize(block *b, const model_head *step, const void *packed)
{
    (void)packed;
    for (size_t r = 0; r < b->rows; r++)
        pooling_normalize(b->now + r * b->chain->stride, step->outputs);
}

static void (*const runners[])(block *b, const model_head *step, const void *packed) = {
    [MODEL_HEAD_POOLING] = run_pooling,
    [MODEL_HEAD_DENSE] = run_dense,
    [MODEL_HEAD_LAYER_NORM] = run_layer_norm,
    [MODEL_HEAD_NORMALIZE] = run_normalize,
};

/* ---- Their results ---- */

/* Pooled vectors alone; logits and vectors of tokens stay as they are. */
static bool normalizes(const head_chain *chain, const encoder_sequence *sequence)
{
    return chain->list->task != MODEL_TASK_CLASSIFY && sequence->output == ENCODER_VECTOR &&
           (sequence->normalize == AKI_MODEL_DEFAULT ? head_chain_normalizes(chain)
                                                     : sequence->normalize == AKI_ON);
}

/* "truncate_dim" comes after the model's own Normalize and is not followed by another, as in the reference. */
static bool is_cut_after_normalize(const head_chain *chain, const encoder_sequence *sequence)
{
    return sequence->normalize == AKI_MODEL_DEFAULT && head_chain_normalizes(chain) &&
           sequence->dimensions == 0 && chain->list->dimension < chain->outputs;
}

static size_t dimensions_of(const head_chain *chain, const encoder_sequence *sequence)
{
    return sequence->dimensions > 0 ? sequence->dimensions : chain->list->dimension;
}

/* Numbers of the vector that are normalized before it is cut, 0 = none. A caller's own cut is normalized before it too: a service cuts
 * vectors that it keeps whole, and both must give the same bits. */
static size_t normalized_before_cut(const head_chain *chain, const encoder_sequence *sequence)
{
    if (is_cut_after_normalize(chain, sequence))
        return chain->outputs;
    if (!normalizes(chain, sequence) || sequence->dimensions == 0 ||
        sequence->dimensions >= chain->list->dimension)
        return 0;
    return sequence->normalize == AKI_MODEL_DEFAULT ? chain->outputs : chain->list->dimension;
}

static void take_vector(const head_chain *chain, encoder_sequence *sequence, float *vector)
{
    if (!pooling_is_finite(vector, chain->outputs))
        sequence->status = AKI_NOT_FINITE;
    const size_t before = normalized_before_cut(chain, sequence);
    if (sequence->status == AKI_OK && before > 0)
        pooling_normalize(vector, before);
    memcpy(sequence->vector, vector, dimensions_of(chain, sequence) * sizeof *vector);
}

void head_chain_run(const head_chain *chain, float *scratch, encoder_sequence *sequences, size_t count,
                    const float *states, const uint32_t *offsets)
{
    for (size_t first = 0; first < count; first += HEAD_CHAIN_ROWS) {
        const size_t rows = count - first < HEAD_CHAIN_ROWS ? count - first : HEAD_CHAIN_ROWS;
        block b = {.chain = chain,
                   .sequences = sequences + first,
                   .rows = rows,
                   .states = offsets != NULL ? states : states + first * head_chain_hidden(chain),
                   .offsets = offsets != NULL ? offsets + first : NULL,
                   .now = scratch,
                   .next = scratch + HEAD_CHAIN_ROWS * chain->stride};
        for (size_t i = 0; i < chain->steps; i++) {
            const model_head *step = &chain->list->steps[i];
            runners[step->kind](&b, step, chain->packed[i]);
        }
        for (size_t r = 0; r < rows; r++)
            if (b.sequences[r].output == ENCODER_VECTOR)
                take_vector(chain, &b.sequences[r], b.now + r * chain->stride);
    }
    if (chain->sparse != NULL && offsets != NULL)
        sparse_head_run(chain->sparse, scratch, sequences, count, states, offsets);
}

void head_chain_conclude(const head_chain *chain, encoder_sequence *sequences, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        encoder_sequence *sequence = &sequences[i];
        if (sequence->status == AKI_OK && normalizes(chain, sequence) &&
            !is_cut_after_normalize(chain, sequence))
            pooling_normalize(sequence->vector, dimensions_of(chain, sequence));
    }
}

float head_activate(float x, model_head_activation activation)
{
    switch (activation) {
    case MODEL_HEAD_TANH:
        return tanhf(x);
    case MODEL_HEAD_SIGMOID:
        return 1.0F / (1.0F + expf(-x));
    case MODEL_HEAD_SILU:
        return x / (1.0F + expf(-x));
    case MODEL_HEAD_RELU:
        return x > 0 ? x : 0;
    case MODEL_HEAD_GELU:
        return x * 0.5F * (1.0F + erff(x * 0.70710678118654752F));
    case MODEL_HEAD_IDENTITY:
        break;
    }
    return x;
}

/* The greatest logit is taken off, so that no power overflows. */
static void softmax(float *logits, size_t count)
{
    float most = logits[0];
    double sum = 0;
    for (size_t i = 1; i < count; i++)
        most = logits[i] > most ? logits[i] : most;
    for (size_t i = 0; i < count; i++)
        sum += exp((double)logits[i] - most);
    for (size_t i = 0; i < count; i++)
        logits[i] = (float)(exp((double)logits[i] - most) / sum);
}

void head_scores_apply(const model_heads *heads, aki_scores scores, float *logits, size_t count)
{
    switch (scores) {
    case AKI_SCORES_MODEL:
        for (size_t i = 0; i < count; i++)
            logits[i] = head_activate(logits[i], heads->scores_by);
        break;
    case AKI_SCORES_PROBABILITY:
        if (count > 1)
            softmax(logits, count);
        else
            logits[0] = head_activate(logits[0], MODEL_HEAD_SIGMOID);
        break;
    case AKI_SCORES_RAW:
        break;
    }
}

static int compare(const void *a, const void *b, void *cookie)
{
    const float *scores = cookie;
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    if (scores[x] != scores[y])
        return scores[x] > scores[y] ? -1 : 1;
    return (x > y) - (x < y);
}

void head_scores_order(const float *scores, size_t count, size_t *order)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, compare, (void *)scores);
}
