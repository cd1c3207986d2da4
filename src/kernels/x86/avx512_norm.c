#include "kernels/x86/avx512.h"

#include "kernels/x86/avx512_vec.h"

#include "kernels/simd/norm.h"

void avx512_norm(const kernel_norm *norm)
{
    simd_norm(norm);
}
