/* BERT's forward pass: embeddings, then per layer attention and feed-forward net, each followed by residual addition and
 * LayerNorm. Rows go through a layer's products in blocks, so that what one product writes is in the L2 cache when the
 * next reads it. How rows fall into blocks has no influence on any result (see kernels.h). */
#include "device/cpu_internal.h"

#include "base/error.h"
#include "base/memory.h"

static size_t number_size(const cpu_device *device)
{
    return device->linear->number == KERNEL_BF16 ? sizeof(uint16_t) : sizeof(float);
}

/* In elements of `size` bytes, whole cache lines. Rows whose distance is a multiple of 2 KiB compete for the same few sets
 * of the L1 cache. */
static size_t stride_of(size_t columns, size_t size)
{
    const size_t line = KERNEL_ALIGNMENT / size;
    size_t stride = (columns + line - 1) / line * line;
    return stride % (2048 / size) == 0 ? stride + line : stride;
}

/* Adds room for rows * stride elements of `size` bytes and returns where they begin. */
static size_t reserve(size_t *total, size_t rows, size_t stride, size_t size, bool *overflow)
{
    size_t start = *total, bytes;
    if (!size_mul(rows, stride, &bytes) || !size_mul(bytes, size, &bytes) ||
        !size_add(bytes, KERNEL_ALIGNMENT - 1, &bytes) ||
        !size_add(*total, bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT, total))
        *overflow = true;
    return start;
}

/* The same for rows of int8, values first; fills in the strides. */
static size_t reserve_int8(size_t *total, size_t rows, size_t columns, int8_rows *out, bool *overflow)
{
    out->stride = stride_of(columns, 1);
    out->scale_stride = int8_chunks(columns);
    size_t start = reserve(total, rows, out->stride, 1, overflow);
    reserve(total, rows, out->scale_stride, sizeof(float), overflow);
    return start;
}

static void place_int8(int8_rows *rows, unsigned char *start, size_t count)
{
    rows->values = start;
    rows->scales = (float *)(start + count * rows->stride);
}

aki_status cpu_state_open(cpu_state **out, const cpu_device *device, size_t max_tokens, aki_error *error)
{
    *out = NULL;
    const model_config *config = &device->config;
    const size_t longest = config->max_positions < max_tokens ? config->max_positions : max_tokens;
    const size_t size = number_size(device);
    cpu_state *state = mem_zalloc(1, sizeof *state);
    if (state == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a worker's state");
    state->max_tokens = max_tokens;
    const kernel_int8 *int8 = device->int8;
    const size_t row_block = int8 != NULL ? int8->row_block : device->linear->row_block;
    state->row_block = row_block < max_tokens ? row_block : max_tokens;
    state->hidden_stride = stride_of(config->hidden_size, sizeof(float));
    state->qkv_stride = stride_of(3 * config->hidden_size, size);
    state->context_stride = stride_of(config->hidden_size, size);
    state->intermediate_stride = stride_of(config->intermediate_size, size);

    bool overflow = false;
    size_t bytes = 0;
    size_t hidden = reserve(&bytes, max_tokens, state->hidden_stride, sizeof(float), &overflow);
    size_t qkv = reserve(&bytes, max_tokens, state->qkv_stride, size, &overflow);
    size_t context = reserve(&bytes, max_tokens, state->context_stride, size, &overflow);
    size_t narrowed = reserve(&bytes, device->linear->narrow != NULL ? state->row_block : 0,
                              state->context_stride, size, &overflow);
    size_t intermediate = reserve(&bytes, state->row_block, state->intermediate_stride, size, &overflow);
    size_t quantised = reserve_int8(&bytes, int8 != NULL ? state->row_block : 0, config->hidden_size,
                                    &state->quantised, &overflow);
    size_t intermediate_int8 = reserve_int8(&bytes, int8 != NULL ? state->row_block : 0,
                                            config->intermediate_size, &state->intermediate_int8, &overflow);
    size_t projected = reserve(&bytes, state->row_block, state->hidden_stride, sizeof(float), &overflow);
    size_t output = reserve(&bytes, max_tokens, config->hidden_size, sizeof(float), &overflow);
    size_t scratch_bytes = device->linear->attention_scratch_bytes(longest, config->head_size);
    size_t scratch = reserve(&bytes, scratch_bytes, 1, 1, &overflow);
    size_t int8_scratch_bytes = int8 != NULL ? int8->scratch_bytes(state->row_block) : KERNEL_ALIGNMENT;
    size_t int8_scratch = reserve(&bytes, int8_scratch_bytes, 1, 1, &overflow);
    if (max_tokens == 0 || scratch_bytes == 0 || int8_scratch_bytes == 0 || overflow) {
        cpu_state_close(state);
        return error_set(error, AKI_INVALID_ARGUMENT, "a pass of %zu tokens is not possible", max_tokens);
    }
    state->block = mem_alloc_aligned(bytes, 1);
    if (state->block == NULL) {
        cpu_state_close(state);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a pass of %zu tokens", max_tokens);
    }
    state->hidden = (float *)(state->block + hidden);
    state->qkv = state->block + qkv;
    state->context = state->block + context;
    state->narrowed = state->block + narrowed;
    state->intermediate = state->block + intermediate;
    state->projected = (float *)(state->block + projected);
    state->output = (float *)(state->block + output);
    state->scratch = state->block + scratch;
    state->int8_scratch = state->block + int8_scratch;
    place_int8(&state->quantised, state->block + quantised, state->row_block);
    place_int8(&state->intermediate_int8, state->block + intermediate_int8, state->row_block);
    *out = state;
    return AKI_OK;
}

void cpu_state_close(cpu_state *state)
{
    if (state == NULL)
        return;
    mem_free(state->block);
    mem_free(state);
}

static void normalise(const cpu_device *device, const cpu_norm *norm, size_t rows, const float *input,
                      size_t input_stride, const float *residual, size_t residual_stride, float *output,
                      size_t output_stride)
{
    device->kernels->norm(&(kernel_norm){
        .rows = rows,
        .columns = device->config.hidden_size,
        .input = input,
        .input_stride = input_stride,
        .residual = residual,
        .residual_stride = residual_stride,
        .gamma = norm->gamma,
        .beta = norm->beta,
        .epsilon = device->config.layer_norm_epsilon,
        .output = output,
        .output_stride = output_stride,
    });
}

/* Fills state->hidden. */
static void embed(const cpu_device *device, cpu_state *state, const device_batch *batch)
{
    const size_t hidden = device->config.hidden_size, stride = state->hidden_stride;
    for (size_t i = 0; i < batch->texts; i++) {
        const size_t first = batch->offsets[i], tokens = batch->offsets[i + 1] - first;
        float *rows = state->hidden + first * stride;
        for (size_t t = 0; t < tokens; t++)
            tensor_read_f32(&device->word_embeddings, (size_t)batch->token_ids[first + t] * hidden, hidden,
                            rows + t * stride);
        normalise(device, &device->embedding_norm, tokens, rows, stride, device->positions, hidden, rows,
                  stride);
    }
}

/* Row `row` of a matrix of numbers. */
static void *row_of(const cpu_device *device, void *rows, size_t row, size_t stride)
{
    return (unsigned char *)rows + row * stride * number_size(device);
}

static void attend(const cpu_device *device, cpu_state *state, const device_batch *batch)
{
    for (size_t i = 0; i < batch->texts; i++) {
        const size_t first = batch->offsets[i];
        device->linear->attention(&(kernel_attention){
            .tokens = batch->offsets[i + 1] - first,
            .heads = device->config.heads,
            .head_size = device->config.head_size,
            .head_count = device->config.heads,
            .qkv = row_of(device, state->qkv, first, state->qkv_stride),
            .qkv_stride = state->qkv_stride,
            .output = row_of(device, state->context, first, state->context_stride),
            .output_stride = state->context_stride,
            .scratch = state->scratch,
        });
    }
}

/* What a product takes: rows in the form that its matrix was packed for. */
typedef struct operand {
    const void *numbers; /* stride in numbers */
    size_t stride;
    int8_rows int8; /* instead, where the matrix is int8 */
} operand;

/* From `count` rows of f32 or of numbers; narrowed rows hold state->context_stride numbers, quantised ones
 * state->quantised's: valid until the next call. */
static operand operand_of(const cpu_device *device, cpu_state *state, const cpu_matrix *matrix,
                          kernel_number number, const void *rows, size_t stride, size_t count)
{
    if (matrix->int8) {
        device->int8->quantise(number, count, matrix->inputs, rows, stride, &state->quantised);
        return (operand){.int8 = state->quantised};
    }
    if (number == device->linear->number)
        return (operand){.numbers = rows, .stride = stride};
    device->linear->narrow(count, matrix->inputs, rows, stride, state->narrowed, state->context_stride);
    return (operand){.numbers = state->narrowed, .stride = state->context_stride};
}

/* output: rows of f32, or of numbers where `narrow` is set. */
static void multiply(const cpu_device *device, cpu_state *state, const cpu_matrix *matrix,
                     const operand *input, size_t rows, kernel_activation activation, bool narrow,
                     void *output, size_t output_stride)
{
    if (matrix->int8)
        device->int8->multiply(&(int8_product){
            .rows = rows,
            .inputs = matrix->inputs,
            .outputs = matrix->outputs,
            .input = input->int8,
            .weights = matrix->packed,
            .activation = activation,
            .form = narrow ? INT8_TO_NUMBERS : INT8_TO_F32,
            .output = output,
            .output_stride = output_stride,
            .scratch = state->int8_scratch,
        });
    else
        device->linear->multiply(&(kernel_product){
            .rows = rows,
            .inputs = matrix->inputs,
            .outputs = matrix->outputs,
            .input = input->numbers,
            .input_stride = input->stride,
            .weights = matrix->packed,
            .output = output,
            .output_stride = output_stride,
            .activation = activation,
            .narrow_output = narrow,
        });
}

static void project_qkv(const cpu_device *device, const cpu_layer *layer, cpu_state *state, size_t first,
                        size_t rows)
{
    const size_t stride = state->hidden_stride;
    const operand input =
        operand_of(device, state, &layer->qkv, KERNEL_F32, state->hidden + first * stride, stride, rows);
    multiply(device, state, &layer->qkv, &input, rows, KERNEL_IDENTITY, true,
             row_of(device, state->qkv, first, state->qkv_stride), state->qkv_stride);
}

/* The feed-forward net's first product, in the form that the second one takes. */
static operand expand(const cpu_device *device, const cpu_layer *layer, cpu_state *state, const float *rows,
                      size_t count)
{
    const operand input =
        operand_of(device, state, &layer->intermediate, KERNEL_F32, rows, state->hidden_stride, count);
    if (layer->intermediate.int8 && layer->output.int8) {
        device->int8->multiply(&(int8_product){
            .rows = count,
            .inputs = layer->intermediate.inputs,
            .outputs = layer->intermediate.outputs,
            .input = input.int8,
            .weights = layer->intermediate.packed,
            .activation = device->activation,
            .form = INT8_TO_INT8,
            .output_int8 = state->intermediate_int8,
            .scratch = state->int8_scratch,
        });
        return (operand){.int8 = state->intermediate_int8};
    }
    multiply(device, state, &layer->intermediate, &input, count, device->activation, true,
             state->intermediate, state->intermediate_stride);
    if (layer->output.int8) {
        device->int8->quantise(device->linear->number, count, layer->output.inputs, state->intermediate,
                               state->intermediate_stride, &state->intermediate_int8);
        return (operand){.int8 = state->intermediate_int8};
    }
    return (operand){.numbers = state->intermediate, .stride = state->intermediate_stride};
}

/* From the attention's result to the layer's: output projection, norm, feed-forward net, norm. The layer's result goes to
 * `output`. */
static void finish_layer(const cpu_device *device, const cpu_layer *layer, cpu_state *state, size_t first,
                         size_t rows, float *output, size_t output_stride)
{
    const size_t stride = state->hidden_stride;
    float *residual = state->hidden + first * stride;
    const operand context =
        operand_of(device, state, &layer->attention_output, device->linear->number,
                   row_of(device, state->context, first, state->context_stride), state->context_stride, rows);
    multiply(device, state, &layer->attention_output, &context, rows, KERNEL_IDENTITY, false,
             state->projected, stride);
    normalise(device, &layer->attention_norm, rows, state->projected, stride, residual, stride, residual,
              stride);
    const operand inner = expand(device, layer, state, residual, rows);
    multiply(device, state, &layer->output, &inner, rows, KERNEL_IDENTITY, false, state->projected, stride);
    normalise(device, &layer->output_norm, rows, state->projected, stride, residual, stride,
              output + first * output_stride, output_stride);
}

const float *cpu_forward(const cpu_device *device, cpu_state *state, const device_batch *batch)
{
    const size_t rows = batch->offsets[batch->texts], layers = device->config.layers;
    /* Blocks of even size: a short last one would use the kernels badly. */
    const size_t blocks = (rows + state->row_block - 1) / state->row_block;
    embed(device, state, batch);
    for (size_t l = 0; l < layers; l++) {
        const cpu_layer *layer = &device->layers[l];
        const bool last = l + 1 == layers;
        float *output = last ? state->output : state->hidden;
        const size_t output_stride = last ? device->config.hidden_size : state->hidden_stride;
        for (size_t b = 0; b < blocks; b++) {
            size_t first = rows * b / blocks, end = rows * (b + 1) / blocks;
            project_qkv(device, layer, state, first, end - first);
        }
        attend(device, state, batch);
        for (size_t b = 0; b < blocks; b++) {
            size_t first = rows * b / blocks, end = rows * (b + 1) / blocks;
            finish_layer(device, layer, state, first, end - first, output, output_stride);
        }
    }
    return state->output;
}
