/* Kernels that do harm, for tests. */
#ifndef ENGINE_CUDA_FAULTY_KERNELS_H
#define ENGINE_CUDA_FAULTY_KERNELS_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes to an address that is not there, which ends the use of CUDA in this context. */
cudaError_t faulty_write(cudaStream_t stream);
/* Takes that many milliseconds on one multiprocessor. */
cudaError_t faulty_spin(long ms, cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
