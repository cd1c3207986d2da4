/* A model as this device sees it, and whether it can run it. */
#ifndef ENGINE_CUDA_SHAPE_H
#define ENGINE_CUDA_SHAPE_H

#include "engine/cuda/kernels.h"
#include "engine/device/device.h"

typedef struct cuda_shape {
    size_t hidden, heads, head_size, intermediate, layers, vocabulary, positions;
    float epsilon;
    cuda_activation activation;
    cuda_number number; /* what products read */
} cuda_shape;

/* False with a message ([DEVICE_MESSAGE_BYTES]): this device does not run such a model. */
bool cuda_shape_of(cuda_shape *shape, const device_model *m, char *message);

static inline size_t cuda_number_bytes(cuda_number number)
{
    return number == CUDA_BF16 ? 2 : 4;
}

#endif
