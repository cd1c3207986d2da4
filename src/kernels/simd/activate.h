/* Template: the activation of a product on one vector. Include after a tier's vec header and the header of a number. */
#ifndef KERNELS_SIMD_ACTIVATE_H
#define KERNELS_SIMD_ACTIVATE_H

#include "kernels/kernels.h"
#include "kernels/simd/math.h"

static inline __attribute__((always_inline)) vf32 simd_activate(vf32 x, const kernel_activation activation)
{
    switch (activation) {
    case KERNEL_GELU_ERF:
        return number_gelu_erf(x);
    case KERNEL_GELU_TANH:
        return vf_gelu_tanh(x);
    case KERNEL_RELU:
        return vf_relu(x);
    case KERNEL_SILU:
        return vf_silu(x);
    case KERNEL_IDENTITY:
        break;
    }
    return x;
}

#endif
