/* The kernels of the avx2 tier, see kernels.h. */
#ifndef KERNELS_AVX2_H
#define KERNELS_AVX2_H

#include "kernels/int8.h"
#include "kernels/kernels.h"

extern const kernel_precision avx2_fp32;
extern const kernel_int8 avx2_int8;

void avx2_norm(const kernel_norm *norm);

#endif
