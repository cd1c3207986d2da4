#include "kernels/x86/avx2.h"

#include "kernels/x86/avx2_vec.h"

#include "kernels/simd/linear.h"

const kernel_linear avx2_linear_fp32 = {
    .row_block = 96,
    .packed_bytes = simd_packed_bytes,
    .pack = simd_pack,
    .multiply = simd_multiply,
};
