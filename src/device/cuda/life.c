#include "device/cuda/life.h"

#include "device/cuda/failure.h"

#include <stdio.h>
#include <time.h>

/* For calls inside to come out when a new life is due. */
#define WAIT_S 1

static cublasStatus_t choose_products(cuda_device *d)
{
    const cuda_shape *s = &d->shape;
    const cudaDataType number = s->number == CUDA_BF16 ? CUDA_R_16BF : CUDA_R_32F;
    cublasStatus_t status =
        cuda_product_choose(&d->projection, d->blas, s->hidden, 3 * s->hidden, number, number);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cuda_product_choose(&d->attention_output, d->blas, s->hidden, s->hidden, number, CUDA_R_32F);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cuda_product_choose(&d->intermediate, d->blas, s->hidden, s->intermediate, number, number);
    if (status == CUBLAS_STATUS_SUCCESS)
        status = cuda_product_choose(&d->output, d->blas, s->intermediate, s->hidden, number, CUDA_R_32F);
    return status;
}

/* Everything of a life. */
static device_status make(cuda_device *d, uint64_t *weights_hash, char *message)
{
    device_status status =
        cuda_weights_upload(&d->weights, &d->shape, d->model, d->read_tensor, weights_hash, message);
    if (status != DEVICE_OK)
        return status;
    cublasStatus_t blas = cublasLtCreate(&d->blas);
    if (blas == CUBLAS_STATUS_SUCCESS)
        blas = choose_products(d);
    if (blas == CUBLAS_STATUS_SUCCESS)
        return DEVICE_OK;
    snprintf(message, DEVICE_MESSAGE_BYTES, "preparing products by cuBLASLt: %s",
             cublasLtGetStatusString(blas));
    return blas == CUBLAS_STATUS_ALLOC_FAILED ? DEVICE_OUT_OF_MEMORY : DEVICE_FAILED;
}

static void unmake(cuda_device *d)
{
    if (d->blas != NULL)
        (void)cublasLtDestroy(d->blas);
    d->blas = NULL;
    cuda_weights_free(&d->weights);
}

/* With the lock written. */
static device_status make_anew(cuda_device *d, char *message)
{
    uint64_t hash;
    unmake(d);
    (void)cudaGetLastError();
    device_status status = cuda_failure(cudaDeviceReset(), "destroying the context after a failure", message);
    d->life++;
    if (status == DEVICE_OK)
        status = make(d, &hash, message);
    if (status == DEVICE_OK && hash != d->weights_hash) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "the model's weight file has changed since it was loaded");
        status = DEVICE_UNAVAILABLE;
    }
    if (status == DEVICE_OK)
        atomic_store(&d->broken, false);
    return status;
}

device_status cuda_life_begin(cuda_device *d, char *message)
{
    pthread_rwlock_init(&d->inside, NULL);
    return make(d, &d->weights_hash, message);
}

void cuda_life_end(cuda_device *d)
{
    unmake(d);
    (void)cudaGetLastError();
    pthread_rwlock_destroy(&d->inside);
}

bool cuda_life_enter(cuda_device *d, unsigned life)
{
    pthread_rwlock_rdlock(&d->inside);
    if (d->life == life && !atomic_load(&d->broken))
        return true;
    pthread_rwlock_unlock(&d->inside);
    return false;
}

bool cuda_life_enter_present(cuda_device *d)
{
    pthread_rwlock_rdlock(&d->inside);
    if (!atomic_load(&d->broken))
        return true;
    pthread_rwlock_unlock(&d->inside);
    return false;
}

device_status cuda_life_enter_any(cuda_device *d, unsigned *life, char *message)
{
    if (atomic_load(&d->broken)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += WAIT_S;
        if (pthread_rwlock_clockwrlock(&d->inside, CLOCK_MONOTONIC, &until) != 0) {
            snprintf(message, DEVICE_MESSAGE_BYTES, "calls from before its failure have not ended yet");
            return DEVICE_UNAVAILABLE;
        }
        const device_status status = atomic_load(&d->broken) ? make_anew(d, message) : DEVICE_OK;
        pthread_rwlock_unlock(&d->inside);
        if (status != DEVICE_OK)
            return status;
    }
    pthread_rwlock_rdlock(&d->inside);
    *life = d->life;
    return DEVICE_OK;
}

void cuda_life_leave(cuda_device *d)
{
    pthread_rwlock_unlock(&d->inside);
}

device_status cuda_life_note(cuda_device *d, cudaError_t error, const char *doing, char *message)
{
    if (cuda_failure_is_sticky(error))
        atomic_store(&d->broken, true);
    return cuda_failure(error, doing, message);
}
