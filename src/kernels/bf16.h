/* bf16: the upper half of an f32, rounded to the nearest, ties to even. As the instructions of x86 do it: denormals become
 * zero of their sign, what is beyond the greatest number becomes infinity, a NaN stays one. */
#ifndef KERNELS_BF16_H
#define KERNELS_BF16_H

#include <stdint.h>
#include <string.h>

static inline uint16_t bf16_round(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t exponent = bits & 0x7f800000, fraction = bits & 0x007fffff;
    if (exponent == 0)
        return (uint16_t)(bits >> 16 & 0x8000);
    if (exponent == 0x7f800000 && fraction != 0)
        return (uint16_t)(bits >> 16 | 0x0040); /* quiet, so that it does not round to infinity */
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float bf16_value(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
