#include "kernels/tiers.h"

#include "kernels/x86/x86.h"

#include "kernels/x86/avx512_int8_vec.h"

#include "kernels/simd/f32.h"

#include "kernels/simd/int8_linear.h"

static const kernel_int8 avx512_vnni_int8 = {
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

const kernel_table kernels_avx512_vnni = {
    .name = "avx512-vnni",
    .fp32 = &avx512_fp32,
    .int8 = &avx512_vnni_int8,
    .int8_is_faster = true,
    .norm = avx512_norm,
};
