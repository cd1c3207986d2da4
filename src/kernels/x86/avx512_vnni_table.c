#include "kernels/tiers.h"

#include "kernels/x86/avx512.h"
#include "kernels/x86/avx512_vnni.h"

const kernel_table kernels_avx512_vnni = {
    .name = "avx512-vnni",
    .fp32 = &avx512_fp32,
    .int8 = &avx512_vnni_int8,
    .int8_is_faster = true,
    .norm = avx512_norm,
};
