/* The kernels of the amx tier, see kernels.h. */
#ifndef KERNELS_AMX_H
#define KERNELS_AMX_H

#include "kernels/kernels.h"

extern const kernel_precision amx_bf16;

size_t amx_bf16_packed_bytes(size_t outputs, size_t inputs);
void amx_bf16_pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                   const float *weights, const float *bias);
void amx_bf16_multiply(const kernel_product *product);
size_t amx_bf16_attention_scratch_bytes(size_t tokens, size_t head_size);
void amx_bf16_attention(const kernel_attention *attention);

#endif
