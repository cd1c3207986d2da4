#include "kernels/tiers.h"

#include "kernels/x86/avx2.h"
#include "kernels/x86/avx2_vnni.h"

const kernel_table kernels_avx2_vnni = {
    .name = "avx2-vnni",
    .fp32 = &avx2_fp32,
    .int8 = &avx2_vnni_int8,
    .int8_is_faster = true,
    .norm = avx2_norm,
};
