#include "kernels/tiers.h"

#include "kernels/x86/avx512.h"

const kernel_table kernels_avx512 = {
    .name = "avx512",
    .fp32 = &avx512_fp32,
    .int8 = &avx512_int8,
    .int8_is_faster = true,
    .norm = avx512_norm,
};
