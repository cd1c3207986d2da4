/* SIMD_UNROLL before a loop of constant length: unroll it whole, so that arrays indexed by it become registers. */
#ifndef KERNELS_SIMD_UNROLL_H
#define KERNELS_SIMD_UNROLL_H

#if defined(__clang__)
#define SIMD_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SIMD_UNROLL _Pragma("GCC unroll 32")
#endif

#endif
