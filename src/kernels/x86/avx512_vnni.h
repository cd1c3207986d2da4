/* What the avx512-vnni tier adds to avx512, see int8.h. */
#ifndef KERNELS_AVX512_VNNI_H
#define KERNELS_AVX512_VNNI_H

#include "kernels/int8.h"

extern const kernel_int8 avx512_vnni_int8;

#endif
