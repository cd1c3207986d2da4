#include "kernels/tiers.h"

#include "kernels/arm/neon.h"

const kernel_table kernels_neon = {
    .name = "neon",
    .fp32 = &neon_fp32,
    .norm = neon_norm,
};
