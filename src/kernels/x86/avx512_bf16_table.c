#include "kernels/tiers.h"

#include "kernels/x86/avx512.h"
#include "kernels/x86/avx512_bf16.h"

const kernel_table kernels_avx512_bf16 = {
    .name = "avx512-bf16",
    .fp32 = &avx512_fp32,
    .bf16 = &avx512_bf16,
    .bf16_is_faster = true,
    .int8 = &avx512_bf16_int8,
    .int8_is_faster = true,
    .norm = avx512_norm,
};
