/* Numbers of a row of either kind, as f32. */
#ifndef KERNELS_REF_NUMBER_H
#define KERNELS_REF_NUMBER_H

#include "kernels/bf16.h"
#include "kernels/kernels.h"

static inline float ref_get(kernel_number number, const void *rows, size_t i)
{
    return number == KERNEL_BF16 ? bf16_value(((const uint16_t *)rows)[i]) : ((const float *)rows)[i];
}

static inline void ref_put(kernel_number number, void *rows, size_t i, float x)
{
    if (number == KERNEL_BF16)
        ((uint16_t *)rows)[i] = bf16_round(x);
    else
        ((float *)rows)[i] = x;
}

static inline size_t ref_number_size(kernel_number number)
{
    return number == KERNEL_BF16 ? sizeof(uint16_t) : sizeof(float);
}

static inline float ref_round(kernel_number number, float x)
{
    return number == KERNEL_BF16 ? bf16_value(bf16_round(x)) : x;
}

#endif
