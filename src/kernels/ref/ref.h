/* The kernels of the reference tier, see kernels.h: plain C, written to be read, no flags that let a compiler reorder or
 * contract arithmetic. */
#ifndef KERNELS_REF_H
#define KERNELS_REF_H

#include "kernels/kernels.h"

extern const kernel_linear ref_linear_fp32;

void ref_norm(const kernel_norm *norm);
size_t ref_attention_scratch_bytes(size_t tokens, size_t head_size);
void ref_attention(const kernel_attention *attention);

#endif
