/* The tables of all tiers. Which of them exist in a build is decided by src/kernels/meson.build. */
#ifndef KERNELS_TIERS_H
#define KERNELS_TIERS_H

#include "kernels/kernels.h"

extern const kernel_table kernels_reference;
extern const kernel_table kernels_neon;
extern const kernel_table kernels_neon_dotprod;
extern const kernel_table kernels_neon_i8mm;
extern const kernel_table kernels_avx2;
extern const kernel_table kernels_avx2_vnni;
extern const kernel_table kernels_avx512;
extern const kernel_table kernels_avx512_vnni;
extern const kernel_table kernels_avx512_bf16;
extern const kernel_table kernels_amx;

#endif
