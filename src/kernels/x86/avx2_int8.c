/* int8 of the avx2 tier, apart from avx2.c because it has a compiler flag more, see meson.build. */
#include "kernels/x86/x86.h"

#define INT8_PAIRS
#define INT8_TILE_ROWS 5 /* 10 sums, and what the three instructions of a product need */
#include "kernels/x86/avx2_int8_vec.h"

/* sum + the sum of a unit's products of unsigned a and signed b, by lane. Sums of two products fit 16 bits, see int8_pack.h. */
static inline vi32 vi_dot(vi32 sum, vi32 a, vi32 b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
}

#include "kernels/simd/f32.h"

#include "kernels/simd/int8_linear.h"

const kernel_int8 avx2_int8 = {
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
