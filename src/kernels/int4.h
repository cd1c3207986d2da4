/* int4: weights stored in 4 bits each, for memory. Only storage: before a product uses a few outputs, kernel_precision.expand
 * makes of them what pack makes of f32, in a buffer that stays in the cache; all arithmetic is that of the precision.
 *
 * INT4_GROUP consecutive inputs of one output share a scale and a least value, both bf16; a weight is one of 16 steps:
 * low + step * scale, rounded to f32. That is 5 bits a weight.
 *
 * Stored: panels of `panel` outputs (the column_step of the precision), each [panel] f32 of bias and, per group of inputs,
 * [panel] bf16 of scales, [panel] bf16 of lows and [INT4_GROUP / 2][panel] bytes of steps: row p holds input 2p of the group in
 * the low half of a byte, input 2p + 1 in the high half. Missing outputs and inputs are zero bytes. A panel is filled up to
 * whole cache lines. */
#ifndef KERNELS_INT4_H
#define KERNELS_INT4_H

#include <stddef.h>

#define INT4_GROUP 32
#define INT4_MOST 15

static inline size_t int4_groups(size_t inputs)
{
    return inputs / INT4_GROUP + (inputs % INT4_GROUP != 0);
}

/* Bytes of one group of a panel: scales, lows, steps. */
static inline size_t int4_group_bytes(size_t panel)
{
    return panel * (2 + 2 + INT4_GROUP / 2);
}

/* Bytes of one panel of a matrix whose int4_packed_bytes are not 0. */
static inline size_t int4_panel_bytes(size_t panel, size_t inputs)
{
    return (panel * sizeof(float) + int4_groups(inputs) * int4_group_bytes(panel) + 63) / 64 * 64;
}

/* As kernel_precision.packed_bytes, cut in two at multiples of `panel` in the same way. */
size_t int4_packed_bytes(size_t panel, size_t outputs, size_t inputs);

/* As kernel_precision.pack, with weights that are within 2^126. Of several ways to round a group the one with the least sum of
 * squared errors is taken; that sum over the n inputs of a group is at most n (range / 30 + greatest / 128 + 2^-125)^2, range
 * being the distance of the group's least and greatest weight and greatest the largest magnitude. A NaN makes NaN of its
 * whole group. */
void int4_pack(size_t panel, void *packed, size_t inputs, size_t first, size_t count, const float *weights,
               const float *bias);

#endif
