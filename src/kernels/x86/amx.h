/* The kernels of the amx tier, see kernels.h. */
#ifndef KERNELS_AMX_H
#define KERNELS_AMX_H

#include "kernels/int8.h"
#include "kernels/kernels.h"

extern const kernel_precision amx_bf16;
extern const kernel_int8 amx_int8;

size_t amx_bf16_packed_bytes(size_t outputs, size_t inputs);
void amx_bf16_pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                   const float *weights, const float *bias);
void amx_bf16_expand(const void *stored, size_t outputs, size_t inputs, void *packed);
void amx_bf16_multiply(const kernel_product *product);
size_t amx_bf16_attention_scratch_bytes(size_t tokens, size_t head_size);
void amx_bf16_attention(const kernel_attention *attention);

size_t amx_int8_packed_bytes(size_t outputs, size_t inputs);
void amx_int8_pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                   const float *weights, const float *bias);
void amx_int8_quantise(const int8_quantisation *quantisation);
size_t amx_int8_scratch_bytes(size_t rows);
void amx_int8_multiply(const int8_product *product);

#endif
