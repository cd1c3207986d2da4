/* A thread's stream and buffers for passes of up to max_tokens tokens. All are allocated when it is opened; a pass allocates
 * nothing. */
#ifndef ENGINE_CUDA_STATE_H
#define ENGINE_CUDA_STATE_H

#include "engine/cuda/device_self.h"

/* When the steps of a pass were done, in the stream. */
typedef enum cuda_mark { CUDA_BEGUN, CUDA_COPIED_IN, CUDA_COMPUTED, CUDA_COPIED_OUT, CUDA_MARKS } cuda_mark;

typedef struct cuda_state {
    cuda_device *device;
    size_t max_tokens;
    cudaStream_t stream;
    cudaEvent_t marks[CUDA_MARKS];

    /* In the host's memory, pinned. */
    /* [CUDA_STAGED_NUMBERS(max_tokens)]: what a pass needs to know of its texts, copied at once */
    int32_t *staged;
    float *vectors; /* [max_tokens][hidden]: a text has at least one token */

    /* On the device; rows: max_tokens, rounded up for products. */
    void *memory;
    int32_t *indices; /* the copy of `staged` */
    float *hidden;    /* [rows][hidden]: the residual sum */
    /* [rows][hidden] bf16: the same, for products; in fp32 they read `hidden`, and this is NULL */
    void *stored;
    void *projected; /* [rows][3 * hidden] */
    void *context;   /* [rows][hidden] */
    float *product;  /* [rows][hidden] f32 */
    void *inner;     /* [rows][intermediate] */
    float *pooled;   /* [max_tokens][hidden] */
    void *workspace; /* of products */
} cuda_state;

/* Tiles, then ids, positions, the texts' offsets and ways of pooling. */
#define CUDA_TILE_NUMBERS (sizeof(cuda_tile) / sizeof(int32_t))
#define CUDA_STAGED_NUMBERS(tokens) ((tokens) * (CUDA_TILE_NUMBERS + 4) + 1)

/* As device_api's; every failure leaves *out NULL. */
device_status cuda_state_open(void **out, void *device, size_t max_tokens, char *message);
void cuda_state_close(void *state);

#endif
