#include "kernels/tiers.h"

#include "kernels/x86/x86.h"

#include "kernels/x86/avx512_bf16_vec.h"
#include "kernels/x86/transpose.h"

#include "kernels/simd/bf16.h"

#include "kernels/simd/attention.h"
#include "kernels/simd/expand.h"
#include "kernels/simd/linear.h"
#include "kernels/simd/rotary.h"

static const kernel_precision avx512_bf16 = {
    .number = NUMBER,
    .row_block = 96,
    .column_step = PANEL,
    .packed_bytes = simd_packed_bytes,
    .pack = simd_pack,
    .expand = simd_expand,
    .narrow = simd_narrow,
    .multiply = simd_multiply,
    .attention_scratch_bytes = simd_attention_scratch_bytes,
    .attention = simd_attention,
    .rotary = simd_rotary,
    .gate = simd_gate,
    .burst = simd_burst,
};

const kernel_table kernels_avx512_bf16 = {
    .name = "avx512-bf16",
    .fp32 = &avx512_fp32,
    .bf16 = &avx512_bf16,
    .bf16_is_faster = true,
    .int8 = &avx512_bf16_int8,
    .int8_is_faster = true,
    .norm = avx512_norm,
};
