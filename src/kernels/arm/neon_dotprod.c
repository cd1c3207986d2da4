#include "kernels/tiers.h"

#include "kernels/arm/neon.h"

#include "kernels/arm/neon_int8_vec.h"

/* sum + the sum of a unit's products, by lane. */
static inline vi32 vi_dot(vi32 sum, vi32 a, vi32 b)
{
    return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

/* TILE_STEPS units of a row, of which an instruction takes one for all lanes. */
typedef int8x8_t int8_factors;

static inline int8_factors int8_load_factors(const unsigned char *p)
{
    int8_factors a = vld1_s8((const int8_t *)p);
    __asm__("" : "+w"(a)); /* or gcc loads each unit again for its own use */
    return a;
}

static inline vi32 int8_step_by(vi32 sum, int8_factors a, size_t i, vi32 b)
{
    return i == 0 ? vdotq_lane_s32(sum, vreinterpretq_s8_s32(b), a, 0)
                  : vdotq_lane_s32(sum, vreinterpretq_s8_s32(b), a, 1);
}

#include "kernels/simd/f32.h"

#include "kernels/simd/int8_linear.h"

static const kernel_int8 neon_dotprod_int8 = {
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

const kernel_table kernels_neon_dotprod = {
    .name = "neon-dotprod",
    .fp32 = &neon_fp32,
    .int8 = &neon_dotprod_int8,
    .int8_is_faster = true,
    .norm = neon_norm,
};
