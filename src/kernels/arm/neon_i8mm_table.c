#include "kernels/tiers.h"

#include "kernels/arm/neon.h"
#include "kernels/arm/neon_i8mm.h"

const kernel_table kernels_neon_i8mm = {
    .name = "neon-i8mm",
    .fp32 = &neon_fp32,
    .int8 = &neon_i8mm_int8,
    .int8_is_faster = true,
    .norm = neon_norm,
};
