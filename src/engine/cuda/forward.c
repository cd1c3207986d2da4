#include "engine/cuda/forward.h"

#include "engine/cuda/failure.h"
#include "engine/cuda/faults.h"

#include <stdio.h>
#include <string.h>

/* Where the parts of what is staged lie. */
typedef struct staged_pass {
    cuda_tile *tiles; /* first, for their alignment */
    int32_t *ids, *positions, *offsets, *pooling;
    size_t tiles_count, numbers;
} staged_pass;

static cuda_pooling pooling_of(aki_pooling pooling)
{
    switch (pooling) {
    case AKI_POOLING_CLS:
        return CUDA_POOL_CLS;
    case AKI_POOLING_MAX:
        return CUDA_POOL_MAX;
    default: /* mean; no other comes here (device_has_pooling) */
        break;
    }
    return CUDA_POOL_MEAN;
}

static size_t count_tiles(const device_batch *batch)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->texts; i++)
        count += (batch->offsets[i + 1] - batch->offsets[i] + CUDA_QUERY_TILE - 1) / CUDA_QUERY_TILE;
    return count;
}

static staged_pass place(int32_t *numbers, size_t tiles_count, size_t tokens, size_t texts)
{
    staged_pass p = {.tiles = (cuda_tile *)numbers, .tiles_count = tiles_count};
    p.ids = numbers + tiles_count * CUDA_TILE_NUMBERS;
    p.positions = p.ids + tokens;
    p.offsets = p.positions + tokens;
    p.pooling = p.offsets + texts + 1;
    p.numbers = (size_t)(p.pooling + texts - numbers);
    return p;
}

static void fill(const staged_pass *p, const device_batch *batch)
{
    cuda_tile *tile = p->tiles;
    for (size_t i = 0; i < batch->texts; i++) {
        const int32_t first = (int32_t)batch->offsets[i];
        const int32_t tokens = (int32_t)batch->offsets[i + 1] - first;
        for (int32_t query = 0; query < tokens; query += CUDA_QUERY_TILE)
            *tile++ = (cuda_tile){.first = first, .tokens = tokens, .query = query};
        for (int32_t t = 0; t < tokens; t++)
            p->positions[first + t] = t;
        p->offsets[i] = first;
        p->pooling[i] = (int32_t)pooling_of(batch->pooling[i]);
    }
    p->offsets[batch->texts] = (int32_t)batch->offsets[batch->texts];
    memcpy(p->ids, batch->token_ids, batch->offsets[batch->texts] * sizeof *p->ids);
}

static bool fits(const cuda_state *s, const device_batch *batch)
{
    if (batch->texts == 0 || batch->offsets[batch->texts] > s->max_tokens)
        return false;
    for (size_t i = 0; i < batch->texts; i++) {
        const size_t tokens = batch->offsets[i + 1] - batch->offsets[i];
        if (tokens == 0 || tokens > s->device->shape.positions)
            return false;
    }
    return true;
}

static cudaError_t multiply(const cuda_state *s, const cuda_product *product, const void *x,
                            const void *weights, void *y, size_t rows)
{
    return cuda_failure_of_blas(cuda_product_run(product, s->device->blas, x, weights, y,
                                                 cuda_product_rows(rows), s->workspace, s->stream),
                                s->stream);
}

static cuda_norm norm_of(const cuda_state *s, const cuda_vectors *vectors)
{
    const cuda_shape *shape = &s->device->shape;
    return (cuda_norm){.hidden = shape->hidden,
                       .epsilon = shape->epsilon,
                       .gamma = vectors->gamma,
                       .beta = vectors->beta,
                       .sum = s->hidden,
                       .stored = s->stored};
}

static cudaError_t run_layer(const cuda_state *s, const cuda_layer *layer, const staged_pass *p, size_t rows)
{
    const cuda_device *d = s->device;
    const cuda_shape *shape = &d->shape;
    const void *x = s->stored != NULL ? s->stored : s->hidden;
    const cuda_norm attention_norm = norm_of(s, &layer->attention_norm);
    const cuda_norm output_norm = norm_of(s, &layer->output_norm);
    cudaError_t error = multiply(s, &d->projection, x, layer->projection, s->projected, rows);
    if (error == cudaSuccess)
        error = cuda_attend(shape->number, s->projected, layer->projection_bias, s->context, shape->heads,
                            shape->head_size, p->tiles, p->tiles_count, s->stream);
    if (error == cudaSuccess)
        error = multiply(s, &d->attention_output, s->context, layer->attention_output, s->product, rows);
    if (error == cudaSuccess)
        error = cuda_add_norm(&attention_norm, s->product, layer->attention_output_bias, rows, s->stream);
    if (error == cudaSuccess)
        error = multiply(s, &d->intermediate, x, layer->intermediate, s->inner, rows);
    if (error == cudaSuccess)
        error = cuda_activate(shape->number, shape->activation, s->inner, layer->intermediate_bias, rows,
                              shape->intermediate, s->stream);
    if (error == cudaSuccess)
        error = multiply(s, &d->output, s->inner, layer->output, s->product, rows);
    if (error == cudaSuccess)
        error = cuda_add_norm(&output_norm, s->product, layer->output_bias, rows, s->stream);
    return error;
}

static cudaError_t compute(const cuda_state *s, const staged_pass *p, size_t rows, size_t texts)
{
    const cuda_weights *w = &s->device->weights;
    const cuda_norm norm = norm_of(s, &w->embedding_norm);
    cudaError_t error =
        cuda_embed(&norm, w->words, w->positions, w->type, p->ids, p->positions, rows, s->stream);
    for (size_t i = 0; i < s->device->shape.layers && error == cudaSuccess; i++)
        error = run_layer(s, &w->layers[i], p, rows);
    if (error == cudaSuccess)
        error = cuda_pool(s->hidden, p->offsets, p->pooling, s->pooled, texts, norm.hidden, s->stream);
    return error;
}

/* Puts everything into the stream, and waits for its end. */
static cudaError_t run(const cuda_state *s, const device_batch *batch)
{
    const size_t rows = batch->offsets[batch->texts], tiles = count_tiles(batch);
    const staged_pass staged = place(s->staged, tiles, rows, batch->texts);
    const staged_pass copied = place(s->indices, tiles, rows, batch->texts);
    fill(&staged, batch);
    cudaError_t error = cudaEventRecord(s->marks[CUDA_BEGUN], s->stream);
    if (error == cudaSuccess)
        error = cudaMemcpyAsync(s->indices, s->staged, staged.numbers * sizeof *s->staged,
                                cudaMemcpyHostToDevice, s->stream);
    if (error == cudaSuccess)
        error = cudaEventRecord(s->marks[CUDA_COPIED_IN], s->stream);
    if (error == cudaSuccess)
        error = cuda_fault_of_test(s->stream);
    if (error == cudaSuccess)
        error = compute(s, &copied, rows, batch->texts);
    if (error == cudaSuccess)
        error = cudaEventRecord(s->marks[CUDA_COMPUTED], s->stream);
    if (error == cudaSuccess)
        error = cudaMemcpyAsync(s->vectors, s->pooled,
                                batch->texts * s->device->shape.hidden * sizeof *s->vectors,
                                cudaMemcpyDeviceToHost, s->stream);
    if (error == cudaSuccess)
        error = cudaEventRecord(s->marks[CUDA_COPIED_OUT], s->stream);
    /* Also after an error: what is in the stream still uses the buffers. */
    const cudaError_t end = error == cudaSuccess ? cudaEventSynchronize(s->marks[CUDA_COPIED_OUT])
                                                 : cudaStreamSynchronize(s->stream);
    return error == cudaSuccess ? end : error;
}

static int64_t between_ns(const cuda_state *s, cuda_mark from, cuda_mark to)
{
    float ms = 0;
    return cudaEventElapsedTime(&ms, s->marks[from], s->marks[to]) == cudaSuccess ? (int64_t)(ms * 1e6f) : 0;
}

device_status cuda_forward(void *device, void *state, const device_batch *batch, const float **output,
                           device_times *times, char *message)
{
    cuda_device *d = device;
    cuda_state *s = state;
    if (!fits(s, batch)) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "the batch does not fit passes of %zu tokens, or the model",
                 s->max_tokens);
        return DEVICE_INVALID;
    }
    if (atomic_load(&d->broken)) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "CUDA was lost to a failure in another call");
        return DEVICE_UNAVAILABLE;
    }
    const device_status status = cuda_device_note(d, run(s, batch), "a pass", message);
    if (status != DEVICE_OK)
        return status;
    times->transfer_in_ns = between_ns(s, CUDA_BEGUN, CUDA_COPIED_IN);
    times->forward_ns = between_ns(s, CUDA_COPIED_IN, CUDA_COMPUTED);
    times->transfer_out_ns = between_ns(s, CUDA_COMPUTED, CUDA_COPIED_OUT);
    *output = s->vectors;
    return DEVICE_OK;
}
