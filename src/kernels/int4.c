#include "kernels/int4.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "kernels/bf16.h"

/* The parts of the range that are tried first: what lies outside is cut off, what lies inside gets finer steps. */
static const float ranges[] = {1.0f, 0.88f, 0.76f};
#define RANGES (sizeof ranges / sizeof *ranges)
#define REFINEMENTS 2 /* of each, by the line that fits the chosen steps best */

/* Two of these are summed independently: baseline x86 and Arm have vectors of four. */
typedef float vector4 __attribute__((vector_size(16)));

/* One group in 4 bits. Steps are whole numbers, in f32 while they are looked for. */
typedef struct rounded_group {
    uint16_t scale, low; /* bf16 */
    float steps[INT4_GROUP];
} rounded_group;

size_t int4_packed_bytes(size_t panel, size_t outputs, size_t inputs)
{
    size_t bytes;
    const size_t panels = outputs / panel + (outputs % panel != 0);
    if (!size_mul(int4_groups(inputs), int4_group_bytes(panel), &bytes) ||
        !size_add(bytes, panel * sizeof(float) + 63, &bytes) || !size_mul(bytes / 64 * 64, panels, &bytes))
        return 0;
    return bytes;
}

/* How a group is rounded: x is about low + step * scale. */
typedef struct line {
    float low, scale;
} line;

static float sum_of(const float numbers[INT4_GROUP])
{
    vector4 sums[2] = {{0.0f}, {0.0f}}, next;
    for (size_t i = 0; i < INT4_GROUP; i += 4) {
        memcpy(&next, numbers + i, sizeof next);
        sums[i / 4 % 2] += next;
    }
    const vector4 sum = sums[0] + sums[1];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Rounds to steps along the line, in bf16, and returns the sum of squared errors; x: [INT4_GROUP]. */
static float round_group(const float *x, line along, rounded_group *out)
{
    float squares[INT4_GROUP];
    out->scale = bf16_round(along.scale);
    out->low = bf16_round(along.low);
    const float scale = bf16_value(out->scale), low = bf16_value(out->low);
    const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
    for (size_t i = 0; i < INT4_GROUP; i++) {
        float step = (x[i] - low) * inverse;
        step = step > 0.0f ? step : 0.0f; /* zero instead of NaN too */
        step = step < (float)INT4_MOST ? step : (float)INT4_MOST;
        step = (float)(int)(step + 0.5f);
        const float error = x[i] - (low + step * scale);
        out->steps[i] = step;
        squares[i] = error * error;
    }
    return sum_of(squares);
}

/* The line with the least sum of squared errors for the steps as they are: linear regression. total: the sum of x. */
static line fit_line(const float *x, float total, const rounded_group *group, line otherwise)
{
    float products[INT4_GROUP], squares[INT4_GROUP];
    for (size_t i = 0; i < INT4_GROUP; i++) {
        products[i] = group->steps[i] * x[i];
        squares[i] = group->steps[i] * group->steps[i];
    }
    const double count = INT4_GROUP, steps = sum_of(group->steps);
    const double spread = count * sum_of(squares) - steps * steps;
    if (spread <= 0.0)
        return otherwise;
    const double scale = (count * sum_of(products) - steps * total) / spread;
    return (line){.low = (float)((total - scale * steps) / count), .scale = (float)scale};
}

/* x: [INT4_GROUP]; what a short group lacks repeats one of its numbers. */
static void choose_group(const float *x, rounded_group *best)
{
    float least = x[0], greatest = x[0], least_error = 0.0f;
    bool nan = false;
    for (size_t i = 0; i < INT4_GROUP; i++) {
        least = x[i] < least ? x[i] : least;
        greatest = x[i] > greatest ? x[i] : greatest;
        nan |= x[i] != x[i];
    }
    const float range = greatest - least, total = sum_of(x);
    *best = (rounded_group){.scale = bf16_round(NAN), .low = bf16_round(NAN)};
    if (nan || !isfinite(range))
        return;
    for (size_t r = 0; r < RANGES; r++) {
        const float part = ranges[r] * range;
        line along = {.low = least + (range - part) / 2.0f, .scale = part / (float)INT4_MOST};
        for (size_t i = 0; i <= REFINEMENTS; i++) {
            rounded_group tried;
            const float error = round_group(x, along, &tried);
            if ((r == 0 && i == 0) || error < least_error) {
                least_error = error;
                *best = tried;
            }
            along = fit_line(x, total, &tried, along);
        }
    }
}

void int4_pack(size_t panel, void *packed, size_t inputs, size_t first, size_t count, const float *weights,
               const float *bias)
{
    for (size_t o = 0; o < count; o++) {
        const size_t column = (first + o) % panel;
        unsigned char *to = (unsigned char *)packed + (first + o) / panel * int4_panel_bytes(panel, inputs);
        ((float *)to)[column] = bias[o];
        to += panel * sizeof(float);
        for (size_t i = 0; i < inputs; i += INT4_GROUP, to += int4_group_bytes(panel)) {
            const size_t numbers = inputs - i < INT4_GROUP ? inputs - i : INT4_GROUP;
            float x[INT4_GROUP];
            rounded_group group;
            for (size_t k = 0; k < INT4_GROUP; k++)
                x[k] = weights[o * inputs + i + (k < numbers ? k : 0)];
            choose_group(x, &group);
            ((uint16_t *)to)[column] = group.scale;
            ((uint16_t *)to)[panel + column] = group.low;
            for (size_t k = numbers; k < INT4_GROUP; k++)
                group.steps[k] = 0.0f;
            for (size_t p = 0; p < INT4_GROUP / 2; p++)
                to[(4 + p) * panel + column] =
                    (unsigned char)(group.steps[2 * p] + 16.0f * group.steps[2 * p + 1]);
        }
    }
}
