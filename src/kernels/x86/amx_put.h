/* Template: a row of a panel goes to the output. Include after a tier's vec header and the header of a number. */
#ifndef KERNELS_AMX_PUT_H
#define KERNELS_AMX_PUT_H

#include <stdbool.h>
#include <stddef.h>

/* columns: as many of the two vectors' lanes as the output has; as numbers when narrow, then with a zero behind an odd one. */
static inline __attribute__((always_inline)) void amx_put_row(unsigned char *to, size_t columns,
                                                              const bool narrow, vf32 low, vf32 high)
{
    const size_t lows = columns < VF_LANES ? columns : VF_LANES, highs = columns - lows;
    if (narrow) {
        number *numbers = (number *)to;
        if (columns == 2 * VF_LANES) {
            vf_store_two_bf16(numbers, low, high);
            return;
        }
        vf_store_first_numbers(numbers, lows, low);
        vf_store_first_numbers(numbers + VF_LANES, highs, high);
        if (columns % 2 != 0)
            numbers[columns] = number_round(0.0f);
    } else if (columns == 2 * VF_LANES) {
        vf_store((float *)to, low);
        vf_store((float *)to + VF_LANES, high);
    } else {
        vf_store_first((float *)to, lows, low);
        vf_store_first((float *)to + VF_LANES, highs, high);
    }
}

#endif
