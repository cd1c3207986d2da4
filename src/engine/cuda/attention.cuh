/* The two ways to attend. */
#ifndef ENGINE_CUDA_ATTENTION_CUH
#define ENGINE_CUDA_ATTENTION_CUH

#include "engine/cuda/kernels.h"

/* cuda_attend for heads of any size and numbers of either kind, all arithmetic in f32. */
cudaError_t cuda_attend_any(cuda_number number, const void *projected, const float *bias, void *context,
                            size_t heads, size_t head_size, const cuda_tile *tiles, size_t tiles_count,
                            cudaStream_t stream);

#endif
