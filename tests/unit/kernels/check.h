/* What the kernel tests share: numbers biased to edges, exact-size buffers (so that an address sanitizer sees a read or
 * write past an end), and the loop over all tiers of this CPU. */
#ifndef CHECK_H
#define CHECK_H

#include "unit.h"

#include <math.h>

#include "base/memory.h"
#include "kernels/bf16.h"
#include "kernels/kernels.h"

#define U 0x1p-24
#define V 0x1p-8 /* the same of bf16 */

static uint64_t check_state = UINT64_C(0x9e3779b97f4a7c15);

static inline uint64_t check_random(void)
{
    check_state ^= check_state << 13;
    check_state ^= check_state >> 7;
    check_state ^= check_state << 17;
    return check_state;
}

/* 0 .. limit - 1 */
static inline size_t check_below(size_t limit)
{
    return (size_t)(check_random() >> 11) % limit;
}

/* Uniform in [-1, 1). */
static inline float check_unit(void)
{
    return (float)((double)(check_random() >> 11) * 0x1p-52 - 1.0);
}

typedef enum check_kind { CHECK_USUAL, CHECK_LARGE, CHECK_TINY, CHECK_SPARSE, CHECK_KINDS } check_kind;

/* CHECK_LARGE up to 1e15, CHECK_TINY denormal, CHECK_SPARSE mostly zeros of both signs with ones. */
static inline float check_float(check_kind kind)
{
    switch (kind) {
    case CHECK_LARGE:
        return check_unit() * 1e15f;
    case CHECK_TINY:
        return check_unit() * 0x1p-130f;
    case CHECK_SPARSE:
        return check_below(8) == 0 ? 1.0f : check_below(2) == 0 ? 0.0f : -0.0f;
    case CHECK_USUAL:
    case CHECK_KINDS:
        break;
    }
    return check_unit() + check_unit() + check_unit();
}

/* Owned by the caller, freed by mem_free. */
static inline float *check_floats(size_t count, check_kind kind)
{
    float *values = mem_alloc(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = check_float(kind);
    return values;
}

/* What must not be written holds this. */
#define CHECK_UNTOUCHED (-12345.0f)

static inline float *check_untouched(size_t count)
{
    float *values = mem_alloc(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = CHECK_UNTOUCHED;
    return values;
}

/* Floats that `rows` rows take when the last one ends at its last column. */
static inline size_t check_extent(size_t rows, size_t columns, size_t stride)
{
    return (rows - 1) * stride + columns;
}

static inline void check_gaps_untouched(const float *values, size_t rows, size_t columns, size_t stride)
{
    for (size_t r = 0; r + 1 < rows; r++)
        for (size_t i = columns; i < stride; i++)
            assert_true(values[r * stride + i] == CHECK_UNTOUCHED);
}

/* ---- rows of a precision's numbers ------------------------------------------------------------------- */

static inline bool check_is_bf16(const kernel_precision *precision)
{
    return precision->number == KERNEL_BF16;
}

static inline size_t check_number_size(const kernel_precision *precision)
{
    return check_is_bf16(precision) ? sizeof(uint16_t) : sizeof(float);
}

/* Makes the values such that the precision holds them. */
static inline void check_hold(const kernel_precision *precision, float *values, size_t count)
{
    for (size_t i = 0; check_is_bf16(precision) && i < count; i++)
        values[i] = bf16_value(bf16_round(values[i]));
}

/* A stride that rows of numbers may have: for bf16 even, with room for the zero behind an odd row. */
static inline size_t check_stride(const kernel_precision *precision, size_t columns)
{
    size_t stride = columns + check_below(4);
    return check_is_bf16(precision) ? (stride + 1) / 2 * 2 : stride;
}

/* Numbers that `rows` rows take, the zero behind an odd last row included. */
static inline size_t check_numbers(const kernel_precision *precision, size_t rows, size_t columns,
                                   size_t stride)
{
    return check_extent(rows, columns, stride) + (check_is_bf16(precision) ? columns % 2 : 0);
}

/* What must not be written holds this. */
static inline void *check_untouched_numbers(const kernel_precision *precision, size_t count)
{
    if (!check_is_bf16(precision))
        return check_untouched(count);
    uint16_t *numbers = mem_alloc(count, sizeof *numbers);
    assert_non_null(numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = bf16_round(CHECK_UNTOUCHED);
    return numbers;
}

static inline float check_number(const kernel_precision *precision, const void *numbers, size_t i)
{
    return check_is_bf16(precision) ? bf16_value(((const uint16_t *)numbers)[i])
                                    : ((const float *)numbers)[i];
}

/* [rows][columns] numbers of exact size; everything between rows is NaN, but the zero behind an odd one. Freed by
 * mem_free. */
static inline void *check_numbers_of(const kernel_precision *precision, const float *values, size_t rows,
                                     size_t columns, size_t stride)
{
    const size_t count = check_numbers(precision, rows, columns, stride), size = check_number_size(precision);
    unsigned char *numbers = mem_alloc(count, size);
    assert_non_null(numbers);
    memset(numbers, 0xff, count * size);
    for (size_t r = 0; r < rows; r++) {
        unsigned char *row = numbers + r * stride * size;
        if (check_is_bf16(precision))
            precision->narrow(1, columns, values + r * stride, stride, row, stride);
        else
            memcpy(row, values + r * stride, columns * size);
    }
    return numbers;
}

/* Behind a row stands a zero where it is odd, and then nothing was written. */
static inline void check_number_gaps(const kernel_precision *precision, const void *numbers, size_t rows,
                                     size_t columns, size_t stride)
{
    const float untouched =
        check_is_bf16(precision) ? bf16_value(bf16_round(CHECK_UNTOUCHED)) : CHECK_UNTOUCHED;
    const size_t filled = check_is_bf16(precision) ? columns % 2 : 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = columns; i < (r + 1 < rows ? stride : columns + filled); i++)
            assert_true(check_number(precision, numbers, r * stride + i) ==
                        (i < columns + filled ? 0.0f : untouched));
}

#define CHECK_CLOSE(tier, actual, expected, bound)                                                           \
    do {                                                                                                     \
        double actual_ = (actual), expected_ = (expected), bound_ = (bound);                                 \
        if (!(fabs(actual_ - expected_) <= bound_))                                                          \
            fail_msg("%s: %.9g is not within %.3g of %.9g", (tier)->name, actual_, bound_, expected_);       \
    } while (0)

/* Where the tiers to check come from: those of this CPU, or what a build of the tests names instead. */
#ifndef CHECK_TIERS
#define CHECK_TIERS kernels_available
#endif
const kernel_table *const *CHECK_TIERS(void);

/* Runs the statement that follows once for each tier, named `tier`. */
#define CHECK_EACH_TIER(tier)                                                                                \
    for (const kernel_table *const *tier##_list = CHECK_TIERS(); *tier##_list != NULL; tier##_list++)        \
        for (const kernel_table *tier = *tier##_list; tier != NULL; tier = NULL)

/* Runs the statement that follows once for each precision of each tier, named `tier` and `precision`. */
#define CHECK_EACH_PRECISION(tier, precision)                                                                \
    CHECK_EACH_TIER(tier)                                                                                    \
    for (int precision##_index = 0; precision##_index < 2; precision##_index++)                              \
        for (const kernel_precision *precision = precision##_index == 0 ? (tier)->fp32 : (tier)->bf16;       \
             precision != NULL; precision = NULL)

#endif
