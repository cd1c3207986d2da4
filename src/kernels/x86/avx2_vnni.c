#include "kernels/tiers.h"

#include "kernels/x86/x86.h"

#define INT8_TILE_ROWS 6
#include "kernels/x86/avx2_int8_vec.h"

/* sum + the sum of a unit's products of unsigned a and signed b, by lane. */
static inline vi32 vi_dot(vi32 sum, vi32 a, vi32 b)
{
    /* By the intrinsic, gcc 12 copies sums between registers and the stack. */
#if defined(__AVXVNNI__)
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
#else /* by its longer encoding: tests on CPUs that have only that */
    __asm__("vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
#endif
    return sum;
}

#include "kernels/simd/f32.h"

#include "kernels/simd/int8_linear.h"

static const kernel_int8 avx2_vnni_int8 = {
    .number = NUMBER,
    .zero = INT8_ZERO,
    .row_block = 96,
    .column_step = PANEL,
    .packed_bytes = simd_int8_packed_bytes,
    .pack = simd_int8_pack,
    .quantise = simd_quantise,
    .scratch_bytes = simd_int8_scratch_bytes,
    .multiply = simd_int8_multiply,
    .burst = simd_int8_burst,
};

const kernel_table kernels_avx2_vnni = {
    .name = "avx2-vnni",
    .fp32 = &avx2_fp32,
    .int8 = &avx2_vnni_int8,
    .int8_is_faster = true,
    .norm = avx2_norm,
};
