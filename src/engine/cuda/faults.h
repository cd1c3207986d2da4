/* Real failures on demand, in the plugin that is built for tests only (AKI_CUDA_TEST_FAULTS); nothing in the one that is shipped. */
#ifndef ENGINE_CUDA_FAULTS_H
#define ENGINE_CUDA_FAULTS_H

#include <cuda_runtime_api.h>

#ifdef AKI_CUDA_TEST_FAULTS

/* Does in the middle of a pass what the file that AKIDB_FAULT_FILE names says: one line, read anew at each pass.
 *
 *     ok            nothing
 *     illegal N     in the N-th pass since the line was changed, a kernel writes to an address that is not there
 *     exhaust       all of the device's memory is taken, until the line is changed, and the pass asks for more
 *     spin MS       a kernel of MS milliseconds stands before the pass
 *
 * Passes are counted in the file of that name with ".calls". */
cudaError_t cuda_fault_of_test(cudaStream_t stream);

#else

static inline cudaError_t cuda_fault_of_test(cudaStream_t stream)
{
    (void)stream;
    return cudaSuccess;
}

#endif
#endif
