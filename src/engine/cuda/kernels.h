/* The kernels of the CUDA device, as C sees them: each call puts one launch into a stream and returns its error.
 *
 * Rows are tokens, those of all texts end to end without padding. Statistics and sums are f32 always; what products read and
 * write is `number`, bf16 or f32. Nothing depends on how many rows there are or which text stands beside: a row's, and a text's,
 * result is the same bit for bit in any pass. hidden and intermediate are multiples of CUDA_ALIGNED. Pointers are to device
 * memory, aligned to 16 bytes. Thread-safe. */
#ifndef ENGINE_CUDA_KERNELS_H
#define ENGINE_CUDA_KERNELS_H

#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CUDA_ALIGNED 8
#define CUDA_MAX_HEAD_SIZE 256
/* Queries that one block of threads attends for. */
#define CUDA_QUERY_TILE 64

typedef enum cuda_number { CUDA_BF16, CUDA_FP32 } cuda_number;

typedef enum cuda_activation {
    CUDA_GELU_ERF,
    CUDA_GELU_TANH,
    CUDA_RELU,
} cuda_activation;

typedef enum cuda_pooling { CUDA_POOL_MEAN, CUDA_POOL_CLS, CUDA_POOL_MAX } cuda_pooling;

/* Up to CUDA_QUERY_TILE queries of one text. */
typedef struct cuda_tile {
    int32_t first;  /* row of the text's first token */
    int32_t tokens; /* of the text */
    int32_t query;  /* the first of the tile, from the text's first token on */
    int32_t unused; /* so that a tile is loaded at once */
} cuda_tile;

/* A LayerNorm over `hidden` values of each row, and where its result goes. */
typedef struct cuda_norm {
    size_t hidden;
    float epsilon;
    const float *gamma, *beta; /* [hidden] f32 */
    float *sum;                /* [rows][hidden] f32 */
    void *stored;              /* [rows][hidden] bf16; NULL = not wanted */
} cuda_norm;

/* sum = LayerNorm(words[ids] + positions[position] + type). words, positions: [][hidden] f32; type: [hidden] f32. */
cudaError_t cuda_embed(const cuda_norm *norm, const float *words, const float *positions, const float *type,
                       const int32_t *ids, const int32_t *position, size_t rows, cudaStream_t stream);

/* sum = LayerNorm(product + bias + sum). product: [rows][hidden] f32; bias: [hidden] f32. */
cudaError_t cuda_add_norm(const cuda_norm *norm, const float *product, const float *bias, size_t rows,
                          cudaStream_t stream);

/* values = activation(values + bias), in place. values: [rows][columns] of `number`; bias: [columns] f32. */
cudaError_t cuda_activate(cuda_number number, cuda_activation activation, void *values, const float *bias,
                          size_t rows, size_t columns, cudaStream_t stream);

/* Each token attends to all tokens of its text. projected: [rows][3][heads][head_size] of `number`, queries, keys and values
 * without their biases; bias: [3][heads][head_size] f32; context: [rows][heads][head_size] of `number`, written; tiles: all
 * queries of all texts. head_size is at most CUDA_MAX_HEAD_SIZE. */
cudaError_t cuda_attend(cuda_number number, const void *projected, const float *bias, void *context,
                        size_t heads, size_t head_size, const cuda_tile *tiles, size_t tiles_count,
                        cudaStream_t stream);

/* pooled: [texts][hidden] f32, written, from states [rows][hidden] f32. offsets: [texts + 1] rows; how: [texts], cuda_pooling. */
cudaError_t cuda_pool(const float *states, const int32_t *offsets, const int32_t *how, float *pooled,
                      size_t texts, size_t hidden, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
