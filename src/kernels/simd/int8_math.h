/* Template: activations of products in int8. Include after a tier's vec header and the header of a number. */
#ifndef KERNELS_SIMD_INT8_MATH_H
#define KERNELS_SIMD_INT8_MATH_H

#include "kernels/simd/activate.h"

/* x / 2 (1 + erf(x / sqrt(2))) as x (1/2 + x Q(x^2)), Q of degree 5, with x in the bracket limited to [-3.7, 3.7], where the
 * bracket was made to reach 0 and 1. Error at most 5.0e-4 + 16 u |x|: a fiftieth of what int8 rounds a chunk by whose greatest
 * number is 3. */
static inline vf32 int8_gelu_erf(vf32 x)
{
    vf32 limited = vf_limit(x, 3.7f), y = vf_mul(limited, limited);
    vf32 q = vf_set1(-4.8997087e-07f);
    q = vf_fma(q, y, vf_set1(2.6888662e-05f));
    q = vf_fma(q, y, vf_set1(-0.0006175004f));
    q = vf_fma(q, y, vf_set1(0.0078486893f));
    q = vf_fma(q, y, vf_set1(-0.06258769f));
    q = vf_fma(q, y, vf_set1(0.39647508f));
    return vf_mul(x, vf_max(vf_set1(0.0f), vf_fma(limited, q, vf_set1(0.5f))));
}

static inline __attribute__((always_inline)) vf32 simd_int8_activate(vf32 x,
                                                                     const kernel_activation activation)
{
    return activation == KERNEL_GELU_ERF ? int8_gelu_erf(x) : simd_activate(x, activation);
}

#endif
