#include "engine/cuda/weights.h"

#include "base/memory.h"
#include "engine/cuda/arena.h"
#include "engine/cuda/failure.h"
#include "kernels/bf16.h"

#include <stdio.h>

#define CHUNK ((size_t)1 << 18) /* numbers that are converted at once */

typedef struct upload {
    void (*read_tensor)(const model_tensor *, size_t, size_t, float *);
    float *numbers;    /* [CHUNK] */
    uint16_t *rounded; /* [CHUNK] bf16 */
    cudaError_t error; /* the first */
} upload;

static float *take_vector(cuda_arena *arena, size_t count)
{
    return cuda_arena_take(arena, count * sizeof(float));
}

static cuda_vectors take_norm(cuda_arena *arena, size_t hidden)
{
    cuda_vectors norm = {.gamma = take_vector(arena, hidden)};
    norm.beta = take_vector(arena, hidden);
    return norm;
}

static void *take_matrix(cuda_arena *arena, const cuda_shape *shape, size_t rows, size_t columns)
{
    return cuda_arena_take(arena, rows * columns * cuda_number_bytes(shape->number));
}

static cuda_layer take_layer(cuda_arena *arena, const cuda_shape *s)
{
    cuda_layer layer = {.projection = take_matrix(arena, s, 3 * s->hidden, s->hidden)};
    layer.projection_bias = take_vector(arena, 3 * s->hidden);
    layer.attention_output = take_matrix(arena, s, s->hidden, s->hidden);
    layer.attention_output_bias = take_vector(arena, s->hidden);
    layer.attention_norm = take_norm(arena, s->hidden);
    layer.intermediate = take_matrix(arena, s, s->intermediate, s->hidden);
    layer.intermediate_bias = take_vector(arena, s->intermediate);
    layer.output = take_matrix(arena, s, s->hidden, s->intermediate);
    layer.output_bias = take_vector(arena, s->hidden);
    layer.output_norm = take_norm(arena, s->hidden);
    return layer;
}

/* layers NULL: only the bytes are counted. */
static void lay_out(cuda_weights *w, cuda_layer *layers, const cuda_shape *s, cuda_arena *arena)
{
    w->words = take_vector(arena, s->vocabulary * s->hidden);
    w->positions = take_vector(arena, s->positions * s->hidden);
    w->type = take_vector(arena, s->hidden);
    w->embedding_norm = take_norm(arena, s->hidden);
    for (size_t i = 0; i < s->layers; i++) {
        const cuda_layer layer = take_layer(arena, s);
        if (layers != NULL)
            layers[i] = layer;
    }
}

size_t cuda_weights_bytes(const cuda_shape *shape)
{
    cuda_weights counted;
    cuda_arena arena = {0};
    lay_out(&counted, NULL, shape, &arena);
    return arena.bytes;
}

/* The first `count` numbers of the tensor, to `to`, as f32 or bf16. */
static void copy(upload *u, void *to, const model_tensor *from, size_t count, bool as_bf16)
{
    for (size_t first = 0; first < count && u->error == cudaSuccess; first += CHUNK) {
        const size_t now = count - first < CHUNK ? count - first : CHUNK;
        u->read_tensor(from, first, now, u->numbers);
        for (size_t i = 0; i < now && as_bf16; i++)
            u->rounded[i] = bf16_round(u->numbers[i]);
        const void *numbers = as_bf16 ? (const void *)u->rounded : u->numbers;
        const size_t size = as_bf16 ? sizeof *u->rounded : sizeof *u->numbers;
        u->error = cudaMemcpy((char *)to + first * size, numbers, now * size, cudaMemcpyHostToDevice);
    }
}

static void copy_vector(upload *u, float *to, const model_tensor *from)
{
    copy(u, to, from, from->rows * from->columns, false);
}

static void copy_norm(upload *u, const cuda_vectors *to, const model_norm *from)
{
    copy_vector(u, to->gamma, &from->gamma);
    copy_vector(u, to->beta, &from->beta);
}

/* To the place of `part` among matrices of this one's size that lie end to end. */
static void copy_linear(upload *u, void *matrix, float *bias, const model_linear *from, size_t part,
                        cuda_number number)
{
    const size_t count = from->weight.rows * from->weight.columns;
    copy(u, (char *)matrix + part * count * cuda_number_bytes(number), &from->weight, count,
         number == CUDA_BF16);
    copy_vector(u, bias + part * from->weight.rows, &from->bias);
}

static void copy_layer(upload *u, const cuda_layer *to, const model_layer *from, cuda_number number)
{
    copy_linear(u, to->projection, to->projection_bias, &from->query, 0, number);
    copy_linear(u, to->projection, to->projection_bias, &from->key, 1, number);
    copy_linear(u, to->projection, to->projection_bias, &from->value, 2, number);
    copy_linear(u, to->attention_output, to->attention_output_bias, &from->attention_output, 0, number);
    copy_norm(u, &to->attention_norm, &from->attention_norm);
    copy_linear(u, to->intermediate, to->intermediate_bias, &from->intermediate, 0, number);
    copy_linear(u, to->output, to->output_bias, &from->output, 0, number);
    copy_norm(u, &to->output_norm, &from->output_norm);
}

static void copy_all(upload *u, const cuda_weights *to, const cuda_shape *s, const model_weights *from)
{
    copy_vector(u, to->words, &from->word_embeddings);
    copy_vector(u, to->positions, &from->position_embeddings);
    copy(u, to->type, &from->type_embeddings, s->hidden, false);
    copy_norm(u, &to->embedding_norm, &from->embedding_norm);
    for (size_t i = 0; i < s->layers; i++)
        copy_layer(u, &to->layers[i], &from->layers[i], s->number);
}

device_status cuda_weights_upload(cuda_weights *weights, const cuda_shape *shape, const model_weights *from,
                                  void (*read_tensor)(const model_tensor *, size_t, size_t, float *),
                                  char *message)
{
    *weights = (cuda_weights){.bytes = cuda_weights_bytes(shape)};
    upload u = {.read_tensor = read_tensor,
                .numbers = mem_alloc(CHUNK, sizeof *u.numbers),
                .rounded = mem_alloc(CHUNK, sizeof *u.rounded)};
    weights->layers = mem_alloc(shape->layers, sizeof *weights->layers);
    device_status status = DEVICE_OK;
    if (u.numbers == NULL || u.rounded == NULL || weights->layers == NULL) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "no memory to read the weights with");
        status = DEVICE_OUT_OF_MEMORY;
    }
    if (status == DEVICE_OK)
        status = cuda_failure(cudaMalloc(&weights->memory, weights->bytes), "device memory for the weights",
                              message);
    if (status == DEVICE_OK) {
        cuda_arena arena = {.memory = weights->memory};
        lay_out(weights, weights->layers, shape, &arena);
        copy_all(&u, weights, shape, from);
        status = cuda_failure(u.error, "copying the weights", message);
    }
    mem_free(u.numbers);
    mem_free(u.rounded);
    return status;
}

void cuda_weights_free(cuda_weights *weights)
{
    if (weights->memory != NULL)
        (void)cudaFree(weights->memory);
    mem_free(weights->layers);
    *weights = (cuda_weights){0};
}
