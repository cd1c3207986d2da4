#include "engine/cuda/state.h"

#include "base/memory.h"
#include "engine/cuda/arena.h"
#include "engine/cuda/failure.h"

#include <stdio.h>

static void lay_out(cuda_state *s, const cuda_device *d, cuda_arena *arena)
{
    const size_t rows = cuda_product_rows(s->max_tokens), hidden = d->shape.hidden;
    const size_t number = cuda_number_bytes(d->shape.number);
    s->indices = cuda_arena_take(arena, CUDA_STAGED_NUMBERS(s->max_tokens) * sizeof *s->indices);
    s->hidden = cuda_arena_take(arena, rows * hidden * sizeof *s->hidden);
    s->stored = d->shape.number == CUDA_BF16 ? cuda_arena_take(arena, rows * hidden * number) : NULL;
    s->projected = cuda_arena_take(arena, rows * 3 * hidden * number);
    s->context = cuda_arena_take(arena, rows * hidden * number);
    s->product = cuda_arena_take(arena, rows * hidden * sizeof *s->product);
    s->inner = cuda_arena_take(arena, rows * d->shape.intermediate * number);
    s->pooled = cuda_arena_take(arena, s->max_tokens * hidden * sizeof *s->pooled);
    s->workspace = cuda_arena_take(arena, d->projection.workspace_bytes);
}

static cudaError_t allocate(cuda_state *s)
{
    cuda_arena counted = {0};
    lay_out(s, s->device, &counted);
    cudaError_t error = cudaMalloc(&s->memory, counted.bytes);
    if (error == cudaSuccess)
        error = cudaHostAlloc((void **)&s->staged, CUDA_STAGED_NUMBERS(s->max_tokens) * sizeof *s->staged,
                              cudaHostAllocDefault);
    if (error == cudaSuccess)
        error =
            cudaHostAlloc((void **)&s->vectors, s->max_tokens * s->device->shape.hidden * sizeof *s->vectors,
                          cudaHostAllocDefault);
    if (error != cudaSuccess)
        return error;
    cuda_arena arena = {.memory = s->memory};
    lay_out(s, s->device, &arena);
    error = cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking);
    /* Rows that no text has are computed with as well. */
    if (error == cudaSuccess)
        error = cudaMemsetAsync(s->memory, 0, counted.bytes, s->stream);
    for (int mark = 0; mark < CUDA_MARKS && error == cudaSuccess; mark++)
        error = cudaEventCreateWithFlags(&s->marks[mark],
                                         mark == CUDA_COPIED_OUT ? cudaEventBlockingSync : cudaEventDefault);
    return error == cudaSuccess ? cudaStreamSynchronize(s->stream) : error;
}

void cuda_state_close(void *state)
{
    cuda_state *s = state;
    (void)cudaFreeHost(s->staged);
    (void)cudaFreeHost(s->vectors);
    for (int mark = 0; mark < CUDA_MARKS; mark++)
        if (s->marks[mark] != NULL)
            (void)cudaEventDestroy(s->marks[mark]);
    if (s->stream != NULL)
        (void)cudaStreamDestroy(s->stream);
    (void)cudaFree(s->memory);
    (void)cudaGetLastError();
    mem_free(s);
}

device_status cuda_state_open(void **out, void *device, size_t max_tokens, char *message)
{
    *out = NULL;
    cuda_device *d = device;
    cuda_state *s = mem_zalloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "no memory for passes of %zu tokens", max_tokens);
        return DEVICE_OUT_OF_MEMORY;
    }
    s->device = d;
    s->max_tokens = max_tokens;
    const device_status status = cuda_device_note(d, allocate(s), "buffers for a thread's passes", message);
    if (status != DEVICE_OK) {
        cuda_state_close(s);
        return status;
    }
    *out = s;
    return DEVICE_OK;
}
