/* The kernels of the avx512 tier, see kernels.h. */
#ifndef KERNELS_AVX512_H
#define KERNELS_AVX512_H

#include "kernels/int8.h"
#include "kernels/kernels.h"

extern const kernel_precision avx512_fp32;
extern const kernel_int8 avx512_int8;

void avx512_norm(const kernel_norm *norm);

#endif
