#include "engine/cuda/failure.h"

#include <stdio.h>

bool cuda_failure_is_sticky(cudaError_t error)
{
    switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorExternalDevice:
    case cudaErrorContextIsDestroyed:
    case cudaErrorDevicesUnavailable:
    case cudaErrorSystemNotReady:
    case cudaErrorNoDevice:
    case cudaErrorUnknown:
        return true;
    default:
        return false;
    }
}

device_status cuda_failure(cudaError_t error, const char *doing, char *message)
{
    if (error == cudaSuccess)
        return DEVICE_OK;
    snprintf(message, DEVICE_MESSAGE_BYTES, "%s: %s (%s)", doing, cudaGetErrorString(error),
             cudaGetErrorName(error));
    (void)cudaGetLastError();
    if (error == cudaErrorMemoryAllocation)
        return DEVICE_OUT_OF_MEMORY;
    return cuda_failure_is_sticky(error) ? DEVICE_UNAVAILABLE : DEVICE_FAILED;
}

cudaError_t cuda_failure_of_blas(cublasStatus_t status, cudaStream_t stream)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return cudaSuccess;
    if (status == CUBLAS_STATUS_ALLOC_FAILED)
        return cudaErrorMemoryAllocation;
    const cudaError_t error = cudaStreamQuery(stream);
    return error == cudaSuccess || error == cudaErrorNotReady ? cudaErrorNotSupported : error;
}
