#include "kernels/tiers.h"

#include "kernels/x86/amx.h"
#include "kernels/x86/avx512.h"

const kernel_table kernels_amx = {
    .name = "amx",
    .fp32 = &avx512_fp32,
    .bf16 = &amx_bf16,
    .bf16_is_faster = true,
    .int8 = &amx_int8,
    .int8_is_faster = true,
    .norm = avx512_norm,
};
