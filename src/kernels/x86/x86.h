/* The kernels of one file that another file's table or precision names, see kernels.h and int8.h. */
#ifndef KERNELS_X86_H
#define KERNELS_X86_H

#include "kernels/int8.h"
#include "kernels/kernels.h"

/* The avx2 tier, whose fp32 and norms avx2-vnni has too. */
extern const kernel_precision avx2_fp32;
extern const kernel_int8 avx2_int8;
void avx2_norm(const kernel_norm *norm);

/* The avx512 tier, whose fp32 and norms all tiers above it have too. */
extern const kernel_precision avx512_fp32;
extern const kernel_int8 avx512_int8;
void avx512_norm(const kernel_norm *norm);

/* The avx512-bf16 tier. */
extern const kernel_int8 avx512_bf16_int8;

/* The amx tier. */
extern const kernel_int8 amx_int8;

size_t amx_bf16_packed_bytes(size_t outputs, size_t inputs);
void amx_bf16_pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                   const float *weights, const float *bias);
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
