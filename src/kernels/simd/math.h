/* Template: exp2 and the activations on one vector. Include after a tier's vec header.
 *
 * Coefficients are minimax fits by iteratively reweighted least squares (Lawson 1961), rounded to f32; the errors given
 * were measured over a dense grid in f32 arithmetic. */
#ifndef KERNELS_SIMD_MATH_H
#define KERNELS_SIMD_MATH_H

#include <math.h>

/* 2^x for x <= 126; 2^-126 or 0 below -126. NaN stays. Relative error at most 1.4 u over [-126, 126]:
 * 2^n times a polynomial of degree 6 on [-1/2, 1/2], whose own error is 2.0e-9. */
static inline vf32 vf_exp2(vf32 x)
{
    x = vf_max(vf_set1(-126.0f), x);
    vf32 n = vf_round(x), r = vf_sub(x, n);
    vf32 p = vf_set1(0.00015353362f);
    p = vf_fma(p, r, vf_set1(0.0013398875f));
    p = vf_fma(p, r, vf_set1(0.009618437f));
    p = vf_fma(p, r, vf_set1(0.055503324f));
    p = vf_fma(p, r, vf_set1(0.24022648f));
    p = vf_fma(p, r, vf_set1(0.6931472f));
    p = vf_fma(p, r, vf_set1(1.0f));
    return vf_scale2(p, n);
}

/* NaN for an infinity, which comes from a sum that overflowed f32: minus infinity must not become a plausible zero. */
static inline vf32 vf_relu(vf32 x)
{
    return vf_fma(x, vf_set1(0.0f), vf_max(vf_set1(0.0f), x));
}

/* x / 2 (1 + erf(x / sqrt(2))). For |x| < 5.5 the second half is x P(x^2) / Q(x^2), P and Q of degree 5, whose own error
 * is 2.2e-8; beyond, x or 0 is exact to 1.1e-7. Error of the result at most 1.7e-7 max(|x|, 0.6). An infinity gives NaN. */
static inline vf32 vf_gelu_erf(vf32 x)
{
    vf32 y = vf_mul(x, x);
    vf32 p = vf_set1(2.2221434e-08f), q = vf_set1(1.1942768e-06f);
    p = vf_fma(p, y, vf_set1(6.5141267e-06f));
    q = vf_fma(q, y, vf_set1(7.8255856e-05f));
    p = vf_fma(p, y, vf_set1(0.00018194347f));
    q = vf_fma(q, y, vf_set1(0.0019575371f));
    p = vf_fma(p, y, vf_set1(0.004756339f));
    q = vf_fma(q, y, vf_set1(0.029351842f));
    p = vf_fma(p, y, vf_set1(0.035062674f));
    q = vf_fma(q, y, vf_set1(0.2545531f));
    p = vf_fma(p, y, vf_set1(0.39894205f));
    q = vf_fma(q, y, vf_set1(1.0f));
    vf32 inner = vf_fma(x, vf_div(vf_mul(x, p), q), vf_mul(x, vf_set1(0.5f)));
    return vf_if_less(vf_abs(x), vf_set1(5.5f), inner, vf_relu(x));
}

/* x / (1 + exp(-2 sqrt(2/pi) (x + 0.044715 x^3))), the same as the tanh form. */
static inline vf32 vf_gelu_tanh(vf32 x)
{
    const float scale = (float)(-2.0 * M_2_SQRTPI * M_SQRT1_2 * M_LOG2E);
    vf32 y = vf_mul(x, x);
    vf32 exponent = vf_mul(x, vf_fma(y, vf_set1(0.044715f * scale), vf_set1(scale)));
    exponent = vf_if_less(exponent, vf_set1(126.0f), exponent, vf_set1(126.0f));
    return vf_div(x, vf_add(vf_set1(1.0f), vf_exp2(exponent)));
}

/* x / (1 + exp(-x)) */
static inline vf32 vf_silu(vf32 x)
{
    vf32 exponent = vf_mul(x, vf_set1((float)-M_LOG2E));
    exponent = vf_if_less(exponent, vf_set1(126.0f), exponent, vf_set1(126.0f));
    return vf_div(x, vf_add(vf_set1(1.0f), vf_exp2(exponent)));
}

#endif
