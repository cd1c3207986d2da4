/* What the avx2-vnni tier adds to avx2, see int8.h. */
#ifndef KERNELS_AVX2_VNNI_H
#define KERNELS_AVX2_VNNI_H

#include "kernels/int8.h"

extern const kernel_int8 avx2_vnni_int8;

#endif
