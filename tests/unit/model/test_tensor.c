#include "unit.h"

#include "model/model.h"

#include <math.h>

/* The definition of binary16 (IEEE 754-2008, 3.4), in exact doubles. */
static double value_of_f16(unsigned bits)
{
    int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    double sign = (bits & 0x8000) != 0 ? -1 : 1;
    if (exponent == 31)
        return fraction != 0 ? (double)NAN : sign * (double)INFINITY;
    return exponent == 0 ? sign * ldexp(fraction, -24) : sign * ldexp(1024 + fraction, exponent - 25);
}

static void f16_is_exact_for_every_value(void **state)
{
    (void)state;
    static uint16_t halves[1 << 16];
    static float floats[1 << 16];
    for (unsigned i = 0; i < 1 << 16; i++)
        halves[i] = (uint16_t)i;
    model_tensor tensor = {(const unsigned char *)halves, MODEL_F16, 256, 256};
    tensor_read_f32(&tensor, 0, 1 << 16, floats);
    for (unsigned i = 0; i < 1 << 16; i++) {
        double expected = value_of_f16(i), got = (double)floats[i];
        bool same = isnan(expected) ? isnan(got) : got == expected;
        if (!same || (signbit(floats[i]) != 0) != ((i & 0x8000) != 0))
            fail_msg("0x%04X: got %a, expected %a", i, got, expected);
    }
}

static void bf16_is_the_upper_half(void **state)
{
    (void)state;
    static uint16_t halves[1 << 16];
    static float floats[1 << 16];
    for (unsigned i = 0; i < 1 << 16; i++)
        halves[i] = (uint16_t)i;
    model_tensor tensor = {(const unsigned char *)halves, MODEL_BF16, 1, 1 << 16};
    tensor_read_f32(&tensor, 0, 1 << 16, floats);
    for (uint32_t i = 0; i < 1 << 16; i++) {
        uint32_t bits;
        memcpy(&bits, &floats[i], 4);
        assert_int_equal(bits, i << 16);
    }
}

/* Every start and length, at an odd address, and nothing written beyond the range. */
static void ranges_and_alignment(void **state)
{
    (void)state;
    static const float values[] = {1, -2, 0.5F, 65504, 0, -0.25F, 3, 4, -7, 8, 9.5F};
    static const uint16_t f16[] = {0x3C00, 0xC000, 0x3800, 0x7BFF, 0,     0xB400,
                                   0x4200, 0x4400, 0xC700, 0x4800, 0x48C0};
    enum { COUNT = 11 };
    unsigned char bytes[1 + sizeof values];
    for (int is_f16 = 0; is_f16 < 2; is_f16++) {
        memcpy(bytes + 1, is_f16 ? (const void *)f16 : values, is_f16 ? sizeof f16 : sizeof values);
        model_tensor tensor = {bytes + 1, is_f16 ? MODEL_F16 : MODEL_F32, 1, COUNT};
        for (size_t first = 0; first <= COUNT; first++)
            for (size_t count = 0; first + count <= COUNT; count++) {
                float out[COUNT + 1];
                for (size_t i = 0; i <= COUNT; i++)
                    out[i] = 12345;
                tensor_read_f32(&tensor, first, count, out);
                assert_memory_equal(out, values + first, count * sizeof(float));
                assert_true(out[count] == 12345);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f16_is_exact_for_every_value),
        cmocka_unit_test(bf16_is_the_upper_half),
        cmocka_unit_test(ranges_and_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
