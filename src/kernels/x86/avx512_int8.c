/* int8 of the avx512 tier, apart from avx512.c because it has a compiler flag more, see meson.build. */
#include "kernels/x86/x86.h"

#include "kernels/x86/avx512_int8_vec.h"

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
