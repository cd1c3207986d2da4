#include "kernels/x86/x86.h"

#include "kernels/tiers.h"

#include "kernels/x86/avx512_vec.h"
#include "kernels/x86/transpose.h"

#include "kernels/simd/f32.h"

#include "kernels/simd/attention.h"
#include "kernels/simd/expand.h"
#include "kernels/simd/linear.h"
#include "kernels/simd/norm.h"
#include "kernels/simd/rotary.h"

const kernel_precision avx512_fp32 = {
    .number = NUMBER,
    .row_block = 96,
    .column_step = PANEL,
    .packed_bytes = simd_packed_bytes,
    .pack = simd_pack,
    .expand = simd_expand,
    .multiply = simd_multiply,
    .attention_scratch_bytes = simd_attention_scratch_bytes,
    .attention = simd_attention,
    .rotary = simd_rotary,
    .gate = simd_gate,
    .burst = simd_burst,
};

void avx512_norm(const kernel_norm *norm)
{
    simd_norm(norm);
}

const kernel_table kernels_avx512 = {
    .name = "avx512",
    .fp32 = &avx512_fp32,
    .int8 = &avx512_int8,
    .int8_is_faster = true,
    .norm = avx512_norm,
};
