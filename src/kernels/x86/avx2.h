/* The kernels of the avx2 tier, see kernels.h. */
#ifndef KERNELS_AVX2_H
#define KERNELS_AVX2_H

#include "kernels/kernels.h"

extern const kernel_precision avx2_fp32;

void avx2_norm(const kernel_norm *norm);

#endif
