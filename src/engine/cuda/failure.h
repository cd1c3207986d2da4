/* What a failed call of CUDA means to the host. */
#ifndef ENGINE_CUDA_FAILURE_H
#define ENGINE_CUDA_FAILURE_H

#include "engine/device/device.h"

#include <cublasLt.h>
#include <cuda_runtime_api.h>

/* True where every later call of this process fails as well. */
bool cuda_failure_is_sticky(cudaError_t error);

/* The status of the failure, or DEVICE_OK for cudaSuccess. message: [DEVICE_MESSAGE_BYTES], "copying weights: out of memory".
 * Takes the error back that CUDA keeps for the thread. */
device_status cuda_failure(cudaError_t error, const char *doing, char *message);

/* cuBLAS tells little about errors of the device: those are asked of the stream. */
cudaError_t cuda_failure_of_blas(cublasStatus_t status, cudaStream_t stream);

#endif
