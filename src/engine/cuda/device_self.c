#include "engine/cuda/device_self.h"

#include "engine/cuda/failure.h"

#include <stdio.h>

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

device_status cuda_device_begin(cuda_device *d, const model_weights *weights, const device_host *host,
                                char *message)
{
    const device_status status =
        cuda_weights_upload(&d->weights, &d->shape, weights, host->read_tensor, message);
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

void cuda_device_end(cuda_device *d)
{
    if (d->blas != NULL)
        (void)cublasLtDestroy(d->blas);
    cuda_weights_free(&d->weights);
    (void)cudaGetLastError();
}

device_status cuda_device_note(cuda_device *d, cudaError_t error, const char *doing, char *message)
{
    if (cuda_failure_is_sticky(error))
        atomic_store(&d->broken, true);
    return cuda_failure(error, doing, message);
}
