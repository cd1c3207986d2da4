/* The dot product of bytes by AVX-512 VNNI. */
#ifndef KERNELS_AVX512_VNNI_VEC_H
#define KERNELS_AVX512_VNNI_VEC_H

#include "kernels/x86/avx512_int8_vec.h"

/* sum + the sum of a unit's products of unsigned a and signed b, by lane. */
static inline vi32 vi_dot(vi32 sum, vi32 a, vi32 b)
{
    /* By the intrinsic, gcc 12 copies sums between registers and the stack. */
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}

#endif
