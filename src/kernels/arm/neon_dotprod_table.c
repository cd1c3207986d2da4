#include "kernels/tiers.h"

#include "kernels/arm/neon.h"
#include "kernels/arm/neon_dotprod.h"

const kernel_table kernels_neon_dotprod = {
    .name = "neon-dotprod",
    .fp32 = &neon_fp32,
    .int8 = &neon_dotprod_int8,
    .int8_is_faster = true,
    .norm = neon_norm,
};
