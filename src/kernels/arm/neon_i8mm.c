#include "kernels/tiers.h"

#include "kernels/arm/neon.h"

#define INT8_ROW_PAIRS
#define INT8_UNIT 8
#include "kernels/arm/neon_int8_vec.h"

/* Eight bytes of two rows side by side. */
static inline vi32 vi_load_pair(const unsigned char *p, const unsigned char *q)
{
    return vreinterpretq_s32_s8(vcombine_s8(vld1_s8((const int8_t *)p), vld1_s8((const int8_t *)q)));
}

/* sum + a times b: rows 0 and 1 of a by columns 0 and 1 of b, in the order 00, 01, 10, 11. */
static inline vi32 vi_multiply_pairs(vi32 sum, vi32 a, vi32 b)
{
    return vmmlaq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

/* Row 0 of two sums that stand side by side. */
static inline vi32 vi_first_rows(vi32 a, vi32 b)
{
    return vcombine_s32(vget_low_s32(a), vget_low_s32(b));
}

static inline vi32 vi_second_rows(vi32 a, vi32 b)
{
    return vcombine_s32(vget_high_s32(a), vget_high_s32(b));
}

/* What the roof is measured with. */
static inline vi32 vi_dot(vi32 sum, vi32 a, vi32 b)
{
    return vi_multiply_pairs(sum, a, b);
}

#include "kernels/simd/f32.h"

#include "kernels/simd/int8_linear.h"

static const kernel_int8 neon_i8mm_int8 = {
    .number = NUMBER,
    .zero = INT8_ZERO,
    .row_block = 96,
    .column_step = 2 * PANEL, /* a panel may end between two multiples of 64 bytes */
    .packed_bytes = simd_int8_packed_bytes,
    .pack = simd_int8_pack,
    .quantise = simd_quantise,
    .scratch_bytes = simd_int8_scratch_bytes,
    .multiply = simd_int8_multiply,
    .burst = simd_int8_burst,
};

const kernel_table kernels_neon_i8mm = {
    .name = "neon-i8mm",
    .fp32 = &neon_fp32,
    .int8 = &neon_i8mm_int8,
    .int8_is_faster = true,
    .norm = neon_norm,
};
