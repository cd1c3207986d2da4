#include "kernels/tiers.h"

#include "kernels/x86/avx2.h"

const kernel_table kernels_avx2 = {
    .name = "avx2",
    .fp32 = &avx2_fp32,
    .int8 = &avx2_int8,
    .int8_is_faster = true,
    .norm = avx2_norm,
};
