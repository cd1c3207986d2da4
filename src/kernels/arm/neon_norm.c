#include "kernels/arm/neon.h"

#include "kernels/arm/neon_vec.h"

#include "kernels/simd/norm.h"

void neon_norm(const kernel_norm *norm)
{
    simd_norm(norm);
}
