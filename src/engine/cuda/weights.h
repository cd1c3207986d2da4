/* The model's weights in device memory: matrices of products in the number that products read, everything else in f32. */
#ifndef ENGINE_CUDA_WEIGHTS_H
#define ENGINE_CUDA_WEIGHTS_H

#include "engine/cuda/shape.h"

typedef struct cuda_vectors {
    float *gamma, *beta; /* [hidden] */
} cuda_vectors;

typedef struct cuda_layer {
    void *projection;       /* [3 * hidden][hidden]: query, key, value */
    float *projection_bias; /* [3 * hidden] */
    void *attention_output; /* [hidden][hidden] */
    float *attention_output_bias;
    cuda_vectors attention_norm;
    void *intermediate; /* [intermediate][hidden] */
    float *intermediate_bias;
    void *output; /* [hidden][intermediate] */
    float *output_bias;
    cuda_vectors output_norm;
} cuda_layer;

typedef struct cuda_weights {
    float *words;     /* [vocabulary][hidden] */
    float *positions; /* [positions][hidden] */
    float *type;      /* [hidden], of token type 0, which is every token's */
    cuda_vectors embedding_norm;
    cuda_layer *layers; /* [layers], in the host's memory */
    void *memory;       /* of all of them, on the device */
    size_t bytes;
} cuda_weights;

size_t cuda_weights_bytes(const cuda_shape *shape);

/* Reads the model through read_tensor and copies it to the device. Whatever the result, release them with cuda_weights_free. DEVICE_OUT_OF_MEMORY: of the host or the device. */
device_status cuda_weights_upload(cuda_weights *weights, const cuda_shape *shape, const model_weights *from,
                                  void (*read_tensor)(const model_tensor *, size_t, size_t, float *),
                                  char *message);
/* Of zeroed ones: nothing. Errors of the device are nobody's concern here. */
void cuda_weights_free(cuda_weights *weights);

#endif
