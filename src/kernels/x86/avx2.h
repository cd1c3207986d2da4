/* The kernels of the avx2 tier, see kernels.h. */
#ifndef KERNELS_AVX2_H
#define KERNELS_AVX2_H

#include "kernels/kernels.h"

extern const kernel_linear avx2_linear_fp32;

void avx2_norm(const kernel_norm *norm);
size_t avx2_attention_scratch_bytes(size_t tokens, size_t head_size);
void avx2_attention(const kernel_attention *attention);

#endif
