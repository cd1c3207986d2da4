#include "kernels/arm/neon.h"

#include "kernels/tiers.h"

#include "kernels/arm/neon_vec.h"

#include "kernels/simd/f32.h"

#include "kernels/simd/attention.h"
#define EXPAND_STORED (2 * EXPAND_PANEL)
#include "kernels/simd/expand.h"
#include "kernels/simd/linear.h"
#include "kernels/simd/norm.h"
#include "kernels/simd/rotary.h"

const kernel_precision neon_fp32 = {
    .number = NUMBER,
    .row_block = 96,
    .column_step = 2 * PANEL, /* a panel may end between two multiples of 64 bytes */
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

void neon_norm(const kernel_norm *norm)
{
    simd_norm(norm);
}

const kernel_table kernels_neon = {
    .name = "neon",
    .fp32 = &neon_fp32,
    .norm = neon_norm,
};
