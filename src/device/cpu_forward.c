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
    state->row_block = device->linear->row_block < max_tokens ? device->linear->row_block : max_tokens;
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
    size_t projected = reserve(&bytes, state->row_block, state->hidden_stride, sizeof(float), &overflow);
    size_t output = reserve(&bytes, max_tokens, config->hidden_size, sizeof(float), &overflow);
    size_t scratch_bytes = device->linear->attention_scratch_bytes(longest, config->head_size);
    size_t scratch = reserve(&bytes, scratch_bytes, 1, 1, &overflow);
    if (max_tokens == 0 || scratch_bytes == 0 || overflow) {
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

/* Rows of the residual stream as numbers that a product takes, context_stride apart; valid until the next call. */
static const void *numbers_of(const cpu_device *device, cpu_state *state, const float *rows, size_t count)
{
    if (device->linear->narrow == NULL)
        return rows;
    device->linear->narrow(count, device->config.hidden_size, rows, state->hidden_stride, state->narrowed,
                           state->context_stride);
    return state->narrowed;
}

static void project_qkv(const cpu_device *device, const cpu_layer *layer, cpu_state *state, size_t first,
                        size_t rows)
{
    const size_t hidden = device->config.hidden_size;
    device->linear->multiply(&(kernel_product){
        .rows = rows,
        .inputs = hidden,
        .outputs = 3 * hidden,
        .input = numbers_of(device, state, state->hidden + first * state->hidden_stride, rows),
        .input_stride = state->context_stride,
        .weights = layer->qkv,
        .output = row_of(device, state->qkv, first, state->qkv_stride),
        .output_stride = state->qkv_stride,
        .narrow_output = true,
    });
}

/* From the attention's result to the layer's: output projection, norm, feed-forward net, norm. The layer's result goes to
 * `output`. */
static void finish_layer(const cpu_device *device, const cpu_layer *layer, cpu_state *state, size_t first,
                         size_t rows, float *output, size_t output_stride)
{
    const size_t hidden = device->config.hidden_size, intermediate = device->config.intermediate_size;
    const size_t stride = state->hidden_stride;
    float *residual = state->hidden + first * stride;
    device->linear->multiply(&(kernel_product){
        .rows = rows,
        .inputs = hidden,
        .outputs = hidden,
        .input = row_of(device, state->context, first, state->context_stride),
        .input_stride = state->context_stride,
        .weights = layer->attention_output,
        .output = state->projected,
        .output_stride = stride,
    });
    normalise(device, &layer->attention_norm, rows, state->projected, stride, residual, stride, residual,
              stride);
    device->linear->multiply(&(kernel_product){
        .rows = rows,
        .inputs = hidden,
        .outputs = intermediate,
        .input = numbers_of(device, state, residual, rows),
        .input_stride = state->context_stride,
        .weights = layer->intermediate,
        .output = state->intermediate,
        .output_stride = state->intermediate_stride,
        .activation = device->activation,
        .narrow_output = true,
    });
    device->linear->multiply(&(kernel_product){
        .rows = rows,
        .inputs = intermediate,
        .outputs = hidden,
        .input = state->intermediate,
        .input_stride = state->intermediate_stride,
        .weights = layer->output,
        .output = state->projected,
        .output_stride = stride,
    });
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
