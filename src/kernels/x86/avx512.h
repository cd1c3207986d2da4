/* The kernels of the avx512 tier, see kernels.h. */
#ifndef KERNELS_AVX512_H
#define KERNELS_AVX512_H

#include "kernels/kernels.h"

extern const kernel_precision avx512_fp32;

void avx512_norm(const kernel_norm *norm);

#endif
