/* What the avx512-bf16 tier adds to avx512, see kernels.h. */
#ifndef KERNELS_AVX512_BF16_H
#define KERNELS_AVX512_BF16_H

#include "kernels/int8.h"
#include "kernels/kernels.h"

extern const kernel_precision avx512_bf16;
extern const kernel_int8 avx512_bf16_int8;

#endif
