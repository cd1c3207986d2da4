/* The kernels of the avx512 tier, see kernels.h. */
#ifndef KERNELS_AVX512_H
#define KERNELS_AVX512_H

#include "kernels/kernels.h"

extern const kernel_linear avx512_linear_fp32;

void avx512_norm(const kernel_norm *norm);
size_t avx512_attention_scratch_bytes(size_t tokens, size_t head_size);
void avx512_attention(const kernel_attention *attention);

#endif
