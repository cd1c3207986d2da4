#include "kernels/x86/avx2.h"

#include "kernels/x86/avx2_vec.h"

#include "kernels/simd/norm.h"

void avx2_norm(const kernel_norm *norm)
{
    simd_norm(norm);
}
