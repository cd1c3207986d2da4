/* The device in its lives. Some failures (an illegal address, an uncorrectable memory error) leave CUDA useless for the whole
 * process; then the context is destroyed and made anew, weights and all, which begins the device's next life.
 *
 * Whoever calls CUDA does so between enter and leave, any number of threads at once. Whoever sees such a failure says so by
 * cuda_life_note; the next state that is opened waits for the calls that are still inside, which all fail by then, and makes
 * the new life. What was allocated in an earlier life is gone with its context and must not be freed: states remember which
 * life is theirs. Memory of the host that is registered with CUDA stays, unregistered. */
#ifndef DEVICE_CUDA_LIFE_H
#define DEVICE_CUDA_LIFE_H

#include "device/cuda/product.h"
#include "device/cuda/weights.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct cuda_device {
    cuda_shape shape;
    const model_weights *model;
    void (*read_tensor)(const model_tensor *, size_t, size_t, float *);

    pthread_rwlock_t inside; /* read by those who call CUDA, written by who makes a new life */
    unsigned life;           /* changes with the lock written */
    atomic_bool broken;      /* CUDA is of no use in this life any more */
    uint64_t weights_hash;   /* of the first life's */

    /* Of this life. */
    cublasLtHandle_t blas;
    cuda_product projection, attention_output, intermediate, output;
    cuda_weights weights;
} cuda_device;

/* The first life. The device's shape, model and read_tensor are set; the rest is zero. Whatever the result, cuda_life_end is due. */
device_status cuda_life_begin(cuda_device *d, char *message);
void cuda_life_end(cuda_device *d);

/* False, outside: CUDA is of no use now, or the life is not `life` any more. */
bool cuda_life_enter(cuda_device *d, unsigned life);
bool cuda_life_enter_present(cuda_device *d);
/* Into the present life, whose number is *life, after a new one was made where that was due. Outside unless DEVICE_OK. */
device_status cuda_life_enter_any(cuda_device *d, unsigned *life, char *message);
void cuda_life_leave(cuda_device *d);

/* cuda_failure that remembers an error after which a new life is due. Inside. */
device_status cuda_life_note(cuda_device *d, cudaError_t error, const char *doing, char *message);

#endif
