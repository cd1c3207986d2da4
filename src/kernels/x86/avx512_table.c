#include "kernels/tiers.h"

#include "kernels/x86/avx512.h"
#include "kernels/x86/avx512_vec.h"

#include "kernels/simd/burst.h"

const kernel_table kernels_avx512 = {
    .name = "avx512",
    .fp32 = &avx512_linear_fp32,
    .norm = avx512_norm,
    .attention_scratch_bytes = avx512_attention_scratch_bytes,
    .attention = avx512_attention,
    .fma_burst = simd_fma_burst,
};
