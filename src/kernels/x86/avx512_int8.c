#include "kernels/x86/avx512.h"

#define INT8_PAIRS
#include "kernels/x86/avx512_int8_vec.h"

/* sum + the sum of a unit's products of unsigned a and signed b, by lane. Sums of two products fit 16 bits, see int8_pack.h. */
static inline vi32 vi_dot(vi32 sum, vi32 a, vi32 b)
{
    const __m512i pairs = _mm512_maddubs_epi16((__m512i)a, (__m512i)b);
    return sum + (vi32)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

#include "kernels/simd/f32.h"

#include "kernels/simd/int8_linear.h"

const kernel_int8 avx512_int8 = {
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
