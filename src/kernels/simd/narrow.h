/* Template: rows of f32 as rows of a narrower number. Include after a tier's vec header and the header of a number. */
#ifndef KERNELS_SIMD_NARROW_H
#define KERNELS_SIMD_NARROW_H

#include <stddef.h>

static void simd_narrow(size_t rows, size_t columns, const float *from, size_t from_stride, void *to,
                        size_t to_stride)
{
    const size_t whole = columns / VF_LANES * VF_LANES;
    for (size_t r = 0; r < rows; r++) {
        const float *row = from + r * from_stride;
        number *numbers = (number *)to + r * to_stride;
        for (size_t i = 0; i < whole; i += VF_LANES)
            vf_store_numbers(numbers + i, vf_load(row + i));
        if (whole < columns)
            vf_store_first_numbers(numbers + whole, columns - whole,
                                   vf_load_first(row + whole, columns - whole));
        if (columns % UNIT_NUMBERS != 0)
            numbers[columns] = number_round(0.0f);
    }
}

#endif
