#include "kernels/tiers.h"

#include "kernels/x86/avx2.h"

const kernel_table kernels_avx2 = {
    .name = "avx2",
    .fp32 = &avx2_fp32,
    .norm = avx2_norm,
};
