/* Template: weights in int8. Panels as int8_panel.h says; missing outputs and inputs are zero.
 *
 * INT8_PAIRS: the instruction adds two products to 16 bits. So that 255 (|a| + |b|) stays below 2^15 for every pair of weights,
 * an output's scale is found from the greatest sum of a pair's weights of equal sign, where that is greater than the greatest
 * weight: nothing saturates, and the finest scale that promises it is used. */
#ifndef KERNELS_SIMD_INT8_PACK_H
#define KERNELS_SIMD_INT8_PACK_H

#include "base/memory.h"
#include "kernels/int8.h"
#include "kernels/simd/int8_panel.h"

/* Of one panel; panels are dense. */
static inline size_t simd_int8_panel_bytes(size_t inputs)
{
    return PANEL *
           (sizeof(float) * (2 + int8_chunks(inputs)) + (inputs + INT8_UNIT - 1) / INT8_UNIT * INT8_UNIT);
}

static size_t simd_int8_packed_bytes(size_t outputs, size_t inputs)
{
    size_t bytes;
    const size_t panels = outputs / PANEL + (outputs % PANEL != 0);
    if (inputs > SIZE_MAX / (4 * PANEL) || !size_mul(simd_int8_panel_bytes(inputs), panels, &bytes) ||
        !size_add(bytes, KERNEL_ALIGNMENT - 1, &bytes))
        return 0;
    return bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT;
}

static uint32_t simd_int8_greatest(const float *weights, size_t inputs)
{
    uint32_t greatest = 0;
    for (size_t i = 0; i < inputs; i++) {
        const uint32_t magnitude = int8_magnitude(weights[i]);
        greatest = greatest > magnitude ? greatest : magnitude;
    }
#ifdef INT8_PAIRS
    for (size_t i = 0; i + 1 < inputs; i += 2) {
        const float a = weights[i], b = weights[i + 1];
        const uint32_t sum = (a < 0.0f) == (b < 0.0f) ? int8_magnitude(a + b) : 0;
        greatest = greatest > sum ? greatest : sum;
    }
#endif
    return greatest;
}

/* column: that of the output in its panel. */
static void simd_int8_pack_output(unsigned char *panel, size_t column, size_t inputs, const float *weights,
                                  float bias)
{
    float inverse, *vectors = (float *)panel;
    vectors[column] = bias;
    vectors[PANEL + column] = int8_scale(simd_int8_greatest(weights, inputs), &inverse);
    panel += 2 * PANEL * sizeof(float);
    if (inverse == 0.0f)
        return;
    for (size_t first = 0; first < inputs; first += INT8_CHUNK) {
        const size_t count = inputs - first < INT8_CHUNK ? inputs - first : INT8_CHUNK;
        int32_t *start = (int32_t *)(void *)panel + column, sum = 0;
        signed char *units = (signed char *)panel + PANEL * sizeof(int32_t) + column * INT8_UNIT;
        for (size_t k = 0; k < count; k++) {
            const int q = int8_round(weights[first + k], inverse);
            units[k / INT8_UNIT * PANEL * INT8_UNIT + k % INT8_UNIT] = (signed char)q;
            sum += q;
        }
        *start = -INT8_ZERO * sum;
        panel += PANEL * (sizeof(int32_t) + (count + INT8_UNIT - 1) / INT8_UNIT * INT8_UNIT);
    }
}

static void simd_int8_pack(void *packed, size_t outputs, size_t inputs, size_t first, size_t count,
                           const float *weights, const float *bias)
{
    (void)outputs;
    for (size_t i = 0; i < count; i++)
        simd_int8_pack_output((unsigned char *)packed + (first + i) / PANEL * simd_int8_panel_bytes(inputs),
                              (first + i) % PANEL, inputs, weights + i * inputs, bias[i]);
}

#endif
