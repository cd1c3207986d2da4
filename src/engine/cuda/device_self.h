/* The device: weights and products, which all states share.
 *
 * Some failures (an illegal address, an uncorrectable memory error) leave CUDA useless for the whole process; no reset of the
 * device in the process helps. From then on everything is DEVICE_UNAVAILABLE, upon which the host ends the process and begins
 * another: device_api.isolated. */
#ifndef ENGINE_CUDA_DEVICE_SELF_H
#define ENGINE_CUDA_DEVICE_SELF_H

#include "engine/cuda/product.h"
#include "engine/cuda/weights.h"

#include <stdatomic.h>

typedef struct cuda_device {
    cuda_shape shape;
    cublasLtHandle_t blas;
    cuda_product projection, attention_output, intermediate, output;
    cuda_weights weights;
    atomic_bool broken; /* CUDA is of no use in this process any more */
} cuda_device;

/* shape is set, the rest is zero. Whatever the result, cuda_device_end is due. */
device_status cuda_device_begin(cuda_device *d, const model_weights *weights, const device_host *host,
                                char *message);
void cuda_device_end(cuda_device *d);

/* cuda_failure that remembers when CUDA is of no use any more. Thread-safe. */
device_status cuda_device_note(cuda_device *d, cudaError_t error, const char *doing, char *message);

#endif
