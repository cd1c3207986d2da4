/* Template: weights stored as int4 (see kernels/int4.h) as panels of a precision. Include after a tier's vec header, the
 * header of a number; by default the panels are those of linear.h. */
#ifndef KERNELS_SIMD_EXPAND_H
#define KERNELS_SIMD_EXPAND_H

#include <stdbool.h>
#include <string.h>

#include "kernels/int4.h"

#define EXPAND_PANEL (2 * VF_LANES)

/* Columns of a stored panel: whole panels of the precision, as many as its column_step has. */
#ifndef EXPAND_STORED
#define EXPAND_STORED EXPAND_PANEL
#endif

/* Units of a panel's depth, and where VF_LANES columns of one stand. */
#ifndef EXPAND_UNITS
#define EXPAND_UNITS(inputs) ((inputs) / UNIT_NUMBERS + ((inputs) % UNIT_NUMBERS != 0))
#define EXPAND_AT(unit, column) ((unit)*EXPAND_PANEL + (column))
#endif

/* Bytes between a group that is expanded and the one that is asked for then. Panels are expanded one at a time, with a product in between
 * that lets the CPU's own prefetchers forget the stream. Not for tiers that take a stored panel in several: they were not measured. */
#define EXPAND_AHEAD 8192

/* Two consecutive inputs of VF_LANES columns; the second one is missing behind an odd depth. */
static inline __attribute__((always_inline)) void
simd_expand_pair(float *panel, size_t input, size_t column, vf32 first, vf32 second, const bool missing)
{
#if UNIT_NUMBERS == 1
    vf_store(panel + EXPAND_AT(input, column), first);
    if (!missing)
        vf_store(panel + EXPAND_AT(input + 1, column), second);
#else
    vf_store(panel + EXPAND_AT(input / 2, column), vf_pairs(first, missing ? vf_set1(0.0f) : second));
#endif
}

/* Columns first .. first + EXPAND_PANEL - 1 of a stored panel. */
static void simd_expand_panel(const unsigned char *stored, size_t first, size_t inputs, float *panel)
{
    memcpy(panel, stored + first * sizeof(float), EXPAND_PANEL * sizeof(float));
    stored += EXPAND_STORED * sizeof(float);
    panel += EXPAND_PANEL;
    for (size_t i = 0; i < inputs; i += INT4_GROUP, stored += int4_group_bytes(EXPAND_STORED)) {
        const size_t end = inputs - i < INT4_GROUP ? inputs : i + INT4_GROUP;
        for (size_t b = 0; EXPAND_STORED == EXPAND_PANEL && b < int4_group_bytes(EXPAND_STORED); b += 64)
            __builtin_prefetch(stored + EXPAND_AHEAD + b);
        for (size_t j = 0; j < EXPAND_PANEL; j += VF_LANES) {
            const size_t column = first + j;
            const unsigned char *steps = stored + 4 * EXPAND_STORED + column;
            const vf32 scale = vf_load_bf16(stored + 2 * column);
            const vf32 low = vf_load_bf16(stored + 2 * (EXPAND_STORED + column));
            size_t k = i;
            for (; k + 1 < end; k += 2, steps += EXPAND_STORED)
                simd_expand_pair(panel, k, j, vf_fma(vf_load_low_halves(steps), scale, low),
                                 vf_fma(vf_load_high_halves(steps), scale, low), false);
            if (k < end)
                simd_expand_pair(panel, k, j, vf_fma(vf_load_low_halves(steps), scale, low), vf_set1(0.0f),
                                 true);
        }
    }
    const size_t units = inputs / UNIT_NUMBERS + (inputs % UNIT_NUMBERS != 0);
    for (size_t unit = units; unit < EXPAND_UNITS(inputs); unit++)
        for (size_t j = 0; j < EXPAND_PANEL; j += VF_LANES)
            vf_store(panel + EXPAND_AT(unit, j), vf_set1(0.0f));
}

static void simd_expand(const void *stored, size_t outputs, size_t inputs, void *packed)
{
    const unsigned char *from = stored;
    float *to = packed;
    for (size_t first = 0; first < outputs; first += EXPAND_PANEL) {
        simd_expand_panel(from, first % EXPAND_STORED, inputs, to);
        if ((first + EXPAND_PANEL) % EXPAND_STORED == 0)
            from += int4_panel_bytes(EXPAND_STORED, inputs);
        to += (1 + EXPAND_UNITS(inputs)) * EXPAND_PANEL;
    }
}

#endif
