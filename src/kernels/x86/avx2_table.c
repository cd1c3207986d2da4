#include "kernels/tiers.h"

#include "kernels/x86/avx2.h"
#include "kernels/x86/avx2_vec.h"

#include "kernels/simd/burst.h"

const kernel_table kernels_avx2 = {
    .name = "avx2",
    .fp32 = &avx2_linear_fp32,
    .norm = avx2_norm,
    .attention_scratch_bytes = avx2_attention_scratch_bytes,
    .attention = avx2_attention,
    .fma_burst = simd_fma_burst,
};
