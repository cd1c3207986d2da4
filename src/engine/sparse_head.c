#include "engine/sparse_head.h"

#include "base/error.h"
#include "base/memory.h"
#include "engine/device/cpu_device.h"
#include "engine/pooling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE_FLOATS 16
/* Token ids of a tile, at least: its weights and its logits stay in the L2 cache. */
#define TILE_IDS 128
/* Outputs packed at a time: whole panels of every tier. */
#define PACK_ROWS 64
/* The literal of a masked word has a weight like other words; the other special tokens have none. */
static const char *const masks[] = {"[MASK]", "<mask>"};

struct sparse_head {
    model_sparse how;
    size_t hidden, vocabulary, max_tokens;
    /* MLM */
    const kernel_precision *first, *linear; /* of the transform, and of the decoder */
    void (*norm)(const kernel_norm *norm);
    void *transform, *decoder; /* packed */
    float *vectors;            /* [3][stride]: gamma, beta, zeros */
    size_t stride, tile;       /* of rows of f32; token ids of a tile */
    /* TOKENS */
    float *weight;           /* [hidden], then the bias */
    unsigned char *left_out; /* [vocabulary] bits */
    size_t bytes;
};

static aki_status no_memory(aki_error *error)
{
    return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the model's sparse head");
}

/* ---- Opening ------------------------------------------------------------------------------------------ */

static aki_status check_finite(const float *numbers, size_t count, const char *what, aki_error *error)
{
    return pooling_is_finite(numbers, count)
               ? AKI_OK
               : error_set(error, AKI_MODEL_INVALID, "the masked language model's %s holds NaN or infinity",
                           what);
}

/* rows, biases: room for PACK_ROWS. */
static aki_status pack_rows(const kernel_precision *kernels, const model_linear *linear, const char *what,
                            float *rows, float *biases, void *packed, aki_error *error)
{
    const size_t outputs = linear->weight.rows, inputs = linear->weight.columns;
    for (size_t first = 0; first < outputs; first += PACK_ROWS) {
        const size_t count = outputs - first < PACK_ROWS ? outputs - first : PACK_ROWS;
        tensor_read_f32(&linear->weight, first * inputs, count * inputs, rows);
        memset(biases, 0, count * sizeof *biases);
        if (linear->bias.data != NULL)
            tensor_read_f32(&linear->bias, first, count, biases);
        aki_status status = check_finite(rows, count * inputs, what, error);
        if (status == AKI_OK)
            status = check_finite(biases, count, what, error);
        if (status != AKI_OK)
            return status;
        kernels->pack(packed, outputs, inputs, first, count, rows, biases);
    }
    return AKI_OK;
}

static aki_status pack(sparse_head *head, const kernel_precision *kernels, const model_linear *linear,
                       const char *what, void **out, aki_error *error)
{
    const size_t bytes = kernels->packed_bytes(linear->weight.rows, linear->weight.columns);
    float *room = mem_alloc(PACK_ROWS, (linear->weight.columns + 1) * sizeof *room);
    *out = bytes > 0 ? mem_alloc_aligned(bytes, 1) : NULL;
    aki_status status = room != NULL && *out != NULL ? AKI_OK : no_memory(error);
    if (status == AKI_OK) {
        memset(*out, 0, bytes);
        head->bytes += bytes;
        status =
            pack_rows(kernels, linear, what, room, room + PACK_ROWS * linear->weight.columns, *out, error);
    }
    mem_free(room);
    return status;
}

static aki_status open_mlm(sparse_head *head, const kernel_table *kernels, aki_precision precision,
                           aki_error *error)
{
    const bool narrow =
        kernels->bf16 != NULL &&
        (precision == AKI_PRECISION_BF16 || (precision != AKI_PRECISION_FP32 && kernels->bf16_is_faster));
    const size_t hidden = head->hidden;
    head->first = kernels->fp32;
    head->linear = narrow ? kernels->bf16 : kernels->fp32;
    head->norm = kernels->norm;
    head->stride = (hidden + LINE_FLOATS - 1) / LINE_FLOATS * LINE_FLOATS;
    const size_t step = head->linear->column_step;
    head->tile = (TILE_IDS + step - 1) / step * step;
    head->vectors = mem_zalloc(3 * head->stride, sizeof *head->vectors);
    if (head->vectors == NULL)
        return no_memory(error);
    tensor_read_f32(&head->how.norm.gamma, 0, hidden, head->vectors);
    if (head->how.norm.beta.data != NULL)
        tensor_read_f32(&head->how.norm.beta, 0, hidden, head->vectors + head->stride);
    aki_status status = check_finite(head->vectors, 2 * head->stride, "norm", error);
    if (status == AKI_OK)
        status = pack(head, head->first, &head->how.transform, "transform", &head->transform, error);
    return status == AKI_OK ? pack(head, head->linear, &head->how.decoder, "decoder", &head->decoder, error)
                            : status;
}

static bool is_mask(const char *text)
{
    return text != NULL && (strcmp(text, masks[0]) == 0 || strcmp(text, masks[1]) == 0);
}

static aki_status open_tokens(sparse_head *head, const tokenizer *tok, aki_error *error)
{
    const size_t hidden = head->hidden;
    head->vocabulary = tok != NULL ? tokenizer_vocabulary_size(tok) : 0;
    head->weight = mem_alloc(hidden + 1, sizeof *head->weight);
    head->left_out = mem_zalloc(head->vocabulary / 8 + 1, 1);
    if (head->weight == NULL || head->left_out == NULL)
        return no_memory(error);
    memcpy(head->weight, head->how.weight, hidden * sizeof *head->weight);
    head->weight[hidden] = head->how.bias[0];
    for (size_t id = 0; id < head->vocabulary; id++)
        if (tokenizer_is_special(tok, (int32_t)id) && !is_mask(tokenizer_token_text(tok, (int32_t)id)))
            head->left_out[id / 8] |= (unsigned char)(1u << id % 8);
    head->bytes = (hidden + 1) * sizeof *head->weight + head->vocabulary / 8 + 1;
    return AKI_OK;
}

aki_status sparse_head_open(sparse_head **out, const model_heads *heads, const kernel_table *kernels,
                            aki_precision precision, const tokenizer *tok, size_t max_tokens,
                            aki_error *error)
{
    *out = NULL;
    sparse_head *head = mem_zalloc(1, sizeof *head);
    if (head == NULL)
        return no_memory(error);
    head->how = heads->sparse;
    head->hidden = heads->steps[0].inputs;
    head->vocabulary = heads->sparse.decoder.weight.rows;
    head->max_tokens = max_tokens;
    aki_status status = head->how.kind == MODEL_SPARSE_MLM ? open_mlm(head, kernels, precision, error)
                                                           : open_tokens(head, tok, error);
    if (status != AKI_OK) {
        sparse_head_close(head);
        return status;
    }
    *out = head;
    return AKI_OK;
}

void sparse_head_close(sparse_head *head)
{
    if (head == NULL)
        return;
    mem_free(head->transform);
    mem_free(head->decoder);
    mem_free(head->vectors);
    mem_free(head->weight);
    mem_free(head->left_out);
    mem_free(head);
}

size_t sparse_head_bytes(const sparse_head *head)
{
    return head->bytes;
}

size_t sparse_head_numbers(const sparse_head *head)
{
    return head->how.kind == MODEL_SPARSE_MLM ? head->vocabulary : 1 + 2 * head->max_tokens;
}

size_t sparse_head_scratch(const sparse_head *head)
{
    return head->how.kind == MODEL_SPARSE_MLM ? SPARSE_ROWS * (2 * head->stride + head->tile) : 0;
}

/* ---- A masked language model's head ------------------------------------------------------------------- */

/* Rows of texts that are computed together. */
typedef struct block {
    const sparse_head *head;
    float *states, *next, *logits; /* [SPARSE_ROWS][stride], the same, [SPARSE_ROWS][tile] */
    encoder_sequence *owners[SPARSE_ROWS];
    size_t rows;
} block;

/* From states to what the decoder takes, which is returned. */
static const void *transform(const block *b)
{
    const sparse_head *head = b->head;
    head->first->multiply(&(kernel_product){.rows = b->rows,
                                            .inputs = head->hidden,
                                            .outputs = head->hidden,
                                            .input = b->states,
                                            .input_stride = head->stride,
                                            .weights = head->transform,
                                            .output = b->next,
                                            .output_stride = head->stride,
                                            .activation = cpu_kernel_activation(head->how.activation)});
    head->norm(&(kernel_norm){.rows = b->rows,
                              .columns = head->hidden,
                              .input = b->next,
                              .input_stride = head->stride,
                              .residual = head->vectors + 2 * head->stride,
                              .gamma = head->vectors,
                              .beta = head->vectors + head->stride,
                              .epsilon = head->how.epsilon,
                              .output = b->next,
                              .output_stride = head->stride});
    if (head->linear->narrow == NULL)
        return b->next;
    head->linear->narrow(b->rows, head->hidden, b->next, head->stride, b->states, head->stride);
    return b->states;
}

static float weight_of(const model_sparse *how, float logit)
{
    const float once = logit > 0.0f ? log1pf(logit) : 0.0f;
    return how->log_twice ? log1pf(once) : once;
}

/* Takes a row of logits into the numbers of its text. False: one is NaN, which no comparison would show. */
static bool take_row(const model_sparse *how, const float *logits, size_t count, float *numbers)
{
    bool good = true;
    for (size_t i = 0; i < count; i++)
        good &= logits[i] == logits[i];
    if (how->adds_up)
        for (size_t i = 0; i < count; i++)
            numbers[i] += weight_of(how, logits[i]);
    else
        for (size_t i = 0; i < count; i++)
            numbers[i] = logits[i] > numbers[i] ? logits[i] : numbers[i];
    return good;
}

static void compute_block(block *b)
{
    const sparse_head *head = b->head;
    const void *input = transform(b);
    for (size_t first = 0; first < head->vocabulary; first += head->tile) {
        const size_t count = head->vocabulary - first < head->tile ? head->vocabulary - first : head->tile;
        const size_t before = first > 0 ? head->linear->packed_bytes(first, head->hidden) : 0;
        head->linear->multiply(&(kernel_product){.rows = b->rows,
                                                 .inputs = head->hidden,
                                                 .outputs = count,
                                                 .input = input,
                                                 .input_stride = head->stride,
                                                 .weights = (const unsigned char *)head->decoder + before,
                                                 .output = b->logits,
                                                 .output_stride = head->tile});
        for (size_t r = 0; r < b->rows; r++)
            if (!take_row(&head->how, b->logits + r * head->tile, count, b->owners[r]->vector + first))
                b->owners[r]->status = AKI_NOT_FINITE;
    }
    b->rows = 0;
}

/* The greatest logit becomes the greatest weight, as weights rise with logits. */
static void conclude(const sparse_head *head, encoder_sequence *sequence)
{
    for (size_t i = 0; i < head->vocabulary && !head->how.adds_up; i++)
        if (sequence->vector[i] > 0.0f)
            sequence->vector[i] = weight_of(&head->how, sequence->vector[i]);
    if (!pooling_is_finite(sequence->vector, head->vocabulary))
        sequence->status = AKI_NOT_FINITE;
}

static void run_mlm(const sparse_head *head, float *scratch, encoder_sequence *sequences, size_t count,
                    const float *states, const uint32_t *offsets)
{
    block b = {.head = head,
               .states = scratch,
               .next = scratch + SPARSE_ROWS * head->stride,
               .logits = scratch + 2 * SPARSE_ROWS * head->stride};
    for (size_t i = 0; i < count; i++) {
        encoder_sequence *sequence = &sequences[i];
        if (sequence->output != ENCODER_SPARSE)
            continue;
        sequence->status = AKI_OK;
        memset(sequence->vector, 0, head->vocabulary * sizeof *sequence->vector);
        for (size_t t = 0; t < sequence->count; t++) {
            memcpy(b.states + b.rows * head->stride, states + (offsets[i] + t) * head->hidden,
                   head->hidden * sizeof *states);
            b.owners[b.rows++] = sequence;
            if (b.rows == SPARSE_ROWS)
                compute_block(&b);
        }
    }
    if (b.rows > 0)
        compute_block(&b);
    for (size_t i = 0; i < count; i++)
        if (sequences[i].output == ENCODER_SPARSE)
            conclude(head, &sequences[i]);
}

/* ---- Weights of the text's own tokens ----------------------------------------------------------------- */

typedef struct entry {
    int32_t id;
    float weight;
} entry;
_Static_assert(sizeof(entry) == 2 * sizeof(float), "an entry takes the room of two numbers");

static int compare(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->id != y->id)
        return x->id > y->id ? 1 : -1;
    return (x->weight < y->weight) - (x->weight > y->weight);
}

static bool is_left_out(const sparse_head *head, int32_t id)
{
    return (size_t)id < head->vocabulary && (head->left_out[id / 8] >> id % 8 & 1) != 0;
}

/* Of equal ids the first, which has the greatest weight. */
static void run_text(const sparse_head *head, encoder_sequence *sequence, const float *states)
{
    entry *entries = (entry *)(void *)(sequence->vector + 1);
    uint32_t found = 0, kept = 0;
    sequence->status = AKI_OK;
    for (size_t t = 0; t < sequence->count; t++) {
        double sum = head->weight[head->hidden];
        for (size_t i = 0; i < head->hidden; i++)
            sum += (double)head->weight[i] * states[t * head->hidden + i];
        if (!isfinite((float)sum))
            sequence->status = AKI_NOT_FINITE;
        if ((float)sum > 0.0f && !is_left_out(head, sequence->ids[t]))
            entries[found++] = (entry){sequence->ids[t], (float)sum};
    }
    qsort(entries, found, sizeof *entries, compare);
    for (uint32_t i = 0; i < found; i++)
        if (kept == 0 || entries[kept - 1].id != entries[i].id)
            entries[kept++] = entries[i];
    memcpy(sequence->vector, &kept, sizeof kept);
}

void sparse_head_run(const sparse_head *head, float *scratch, encoder_sequence *sequences, size_t count,
                     const float *states, const uint32_t *offsets)
{
    if (head->how.kind == MODEL_SPARSE_MLM) {
        run_mlm(head, scratch, sequences, count, states, offsets);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (sequences[i].output == ENCODER_SPARSE)
            run_text(head, &sequences[i], states + offsets[i] * head->hidden);
}

/* ---- Reading ------------------------------------------------------------------------------------------ */

size_t sparse_head_read(const sparse_head *head, const float *numbers, int32_t *ids, float *weights)
{
    size_t count = 0;
    if (head->how.kind == MODEL_SPARSE_MLM) {
        for (size_t id = 0; id < head->vocabulary; id++) {
            if (!(numbers[id] > 0.0f))
                continue;
            if (ids != NULL) {
                ids[count] = (int32_t)id;
                weights[count] = numbers[id];
            }
            count++;
        }
        return count;
    }
    uint32_t entries;
    memcpy(&entries, numbers, sizeof entries);
    for (; ids != NULL && count < entries; count++) {
        memcpy(&ids[count], numbers + 1 + 2 * count, sizeof *ids);
        weights[count] = numbers[2 + 2 * count];
    }
    return entries;
}
