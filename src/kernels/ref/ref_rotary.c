/* Norms and turns of queries and keys in plain C. */
#include "kernels/ref/ref.h"

#include <float.h>
#include <math.h>

#include "kernels/ref/ref_number.h"

static void norm_head(const kernel_rotary *rotary, kernel_number number, size_t at)
{
    double squares = 0.0;
    for (size_t i = 0; i < rotary->head_size; i++) {
        const double x = ref_get(number, rotary->numbers, at + i);
        squares += x * x;
    }
    const double factor =
        squares <= (double)FLT_MAX ? 1.0 / sqrt(squares / (double)rotary->head_size + rotary->epsilon) : NAN;
    for (size_t i = 0; i < rotary->head_size; i++)
        ref_put(number, rotary->numbers, at + i,
                (float)(ref_get(number, rotary->numbers, at + i) * factor * rotary->gamma[i]));
}

static void turn_head(const kernel_rotary *rotary, kernel_number number, size_t at, const float *table)
{
    const size_t half = rotary->head_size / 2;
    for (size_t i = 0; i < half; i++) {
        const float x = ref_get(number, rotary->numbers, at + i);
        const float y = ref_get(number, rotary->numbers, at + half + i);
        ref_put(number, rotary->numbers, at + i, x * table[i] - y * table[half + i]);
        ref_put(number, rotary->numbers, at + half + i, y * table[i] + x * table[half + i]);
    }
}

static void turn(const kernel_rotary *rotary, kernel_number number)
{
    const size_t size = rotary->head_size;
    for (size_t r = 0; r < rotary->rows; r++)
        for (size_t h = 0; h < rotary->heads; h++) {
            const size_t at = r * rotary->stride + h * size;
            if (rotary->gamma != NULL)
                norm_head(rotary, number, at);
            if (rotary->table != NULL)
                turn_head(rotary, number, at, rotary->table + r * size);
        }
}

void ref_rotary_f32(const kernel_rotary *rotary)
{
    turn(rotary, KERNEL_F32);
}

void ref_rotary_bf16(const kernel_rotary *rotary)
{
    turn(rotary, KERNEL_BF16);
}
