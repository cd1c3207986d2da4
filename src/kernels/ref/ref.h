/* The kernels of the reference tier, see kernels.h: plain C, written to be read, no flags that let a compiler reorder or
 * contract arithmetic. */
#ifndef KERNELS_REF_H
#define KERNELS_REF_H

#include "kernels/int8.h"
#include "kernels/kernels.h"

#define REF_PANEL 16 /* outputs that are packed together */

extern const kernel_precision ref_fp32;
/* Rows and weights of bf16; sums, scores and the softmax stay f32. Plain C has no instruction for it: slower
 * than f32, and there for comparison. */
extern const kernel_precision ref_bf16;
/* Products in int8 beside fp32. */
extern const kernel_int8 ref_int8;

/* As the members of kernel_precision. */
size_t ref_packed_bytes(size_t outputs, size_t inputs);
void ref_pack_f32(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                  const float *weights, const float *bias);
void ref_pack_bf16(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                   const float *weights, const float *bias);
void ref_expand_f32(const void *stored, size_t outputs, size_t inputs, void *packed);
void ref_expand_bf16(const void *stored, size_t outputs, size_t inputs, void *packed);
void ref_narrow_bf16(size_t rows, size_t columns, const float *from, size_t from_stride, void *to,
                     size_t to_stride);
void ref_multiply_f32(const kernel_product *product);
void ref_multiply_bf16(const kernel_product *product);
size_t ref_attention_scratch_bytes(size_t tokens, size_t head_size);
void ref_attention_f32(const kernel_attention *attention);
void ref_attention_bf16(const kernel_attention *attention);

float ref_activate(float x, kernel_activation activation);

void ref_rotary_f32(const kernel_rotary *rotary);
void ref_rotary_bf16(const kernel_rotary *rotary);
void ref_gate_f32(const kernel_gate *gate);
void ref_gate_bf16(const kernel_gate *gate);

void ref_norm(const kernel_norm *norm);
/* One row, [columns]; sum holds input + residual and may be the output. In f64: no sum of finite numbers overflows. */
void ref_norm_row(const kernel_norm *norm, const float *sum, float *output);

#endif
