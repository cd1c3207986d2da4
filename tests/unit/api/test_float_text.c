#include "unit.h"

#include "api/float_text.h"

#include <jansson.h>
#include <math.h>

static float of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The text of a finite value reads back as the same float, and as a double within 1e-8 of small values. */
static void check(float value)
{
    char text[FLOAT_TEXT_MAX + 1];
    size_t length = float_text_write(value, text);
    if (length == 0 || length > FLOAT_TEXT_MAX)
        fail_msg("%.9g has %zu characters", (double)value, length);
    text[length] = '\0';
    char *end;
    double back = strtod(text, &end);
    if (*end != '\0' || bits_of((float)back) != bits_of(value))
        fail_msg("%.9g came out as %s", (double)value, text);
    if (fabs((double)value) <= 1 && fabs(back - (double)value) > 1e-8)
        fail_msg("%.17g came out as %s: %g off", (double)value, text, back - (double)value);
}

static void check_around(float value)
{
    check(value);
    check(-value);
    check(nextafterf(value, INFINITY));
    check(nextafterf(value, -INFINITY));
}

static void reads_back_at_the_edges(void **state)
{
    (void)state;
    const float edges[] = {0.0F,        1.0F,    0.1F,   0.01F,       0.001F,         1e-4F,  1e-5F,
                           1e-6F,       9.5F,    10.0F,  99.99F,      99999.996F,     1e5F,   1e6F,
                           1e7F,        1e8F,    1e9F,   123456.789F, 0.5F,           0.25F,  0.99999994F,
                           9.99999905F, 3.4e38F, 1e20F,  1e-30F,      1.1754944e-38F, 1e-45F, 1e-40F,
                           16777216.0F, 0.0625F, 2.5e-5F};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        check_around(edges[i]);
    for (int exponent = -149; exponent < 128; exponent++)
        check_around(ldexpf(1.0F, exponent));
}

static void reads_back_in_every_range(void **state)
{
    (void)state;
    /* Every 997th float there is, of both signs: over four million. */
    for (uint64_t bits = 0; bits < 0x7F800000; bits += 997) {
        check(of_bits((uint32_t)bits));
        check(of_bits((uint32_t)bits | 0x80000000U));
    }
}

static void reads_back_in_a_vectors_range(void **state)
{
    (void)state;
    uint32_t random = 12345;
    for (int i = 0; i < 1000000; i++) {
        random = random * 1664525U + 1013904223U;
        check((float)((double)random / 0x1p32 - 0.5));
    }
}

static void assert_text(float value, const char *expected)
{
    char text[FLOAT_TEXT_MAX + 1];
    text[float_text_write(value, text)] = '\0';
    assert_string_equal(text, expected);
}

static void writes_numbers_as_json_has_them(void **state)
{
    (void)state;
    assert_text(0.0F, "0.0");
    assert_text(-0.0F, "-0.0");
    assert_text(1.0F, "1.0");
    assert_text(-0.5F, "-0.5000000000");
    assert_text(0.99999994F, "0.9999999404");
    assert_text(0x1p-10F, "0.0009765625");
    assert_text(0x1.fffffep-11F, "0.000976562442");
    assert_text(12.5F, "12.5");
    assert_text(100.0F, "100.0");
    assert_text(0.0123456791F, "0.0123456791");
    assert_text(12345678.0F, "12345678.0");
    assert_text(0x1p100F, "1.2676506e+30");
    for (uint64_t bits = 1; bits < 0x7F800000; bits += 99991) {
        char text[FLOAT_TEXT_MAX + 2];
        size_t length = float_text_write(of_bits((uint32_t)bits), text);
        json_error_t error;
        json_t *value = json_loadb(text, length, JSON_DECODE_ANY, &error);
        assert_true(json_is_real(value));
        json_decref(value);
    }
}

/* All floats of the range that most values of a vector are in, every third of them. */
static void reads_back_between_two_to_the_minus_ten_and_one(void **state)
{
    (void)state;
    for (uint32_t bits = 0x3A800000; bits < 0x3F800000; bits += 3) {
        char text[FLOAT_TEXT_MAX];
        size_t length = float_text_write(of_bits(bits), text);
        uint64_t n = 0;
        assert_true(length == 12 && text[0] == '0' && text[1] == '.');
        for (size_t i = 2; i < length; i++)
            n = 10 * n + (uint64_t)(text[i] - '0');
        /* Both exact in a double; the quotient is the double nearest to the text, as strtod's. */
        if (bits_of((float)((double)n / 1e10)) != bits)
            fail_msg("%.9g came out as %.*s", (double)of_bits(bits), (int)length, text);
    }
}

static void writes_lists(void **state)
{
    (void)state;
    char text[4 * (FLOAT_TEXT_MAX + 1)];
    const float values[] = {-0.25F, 0.0F, 12.5F, 0.03125F};
    size_t length = float_text_write_list(values, 4, text);
    assert_int_equal(length, 13 + 1 + 3 + 1 + 4 + 1 + 12);
    assert_memory_equal(text, "-0.2500000000,0.0,12.5,0.0312500000", length);
    assert_int_equal(float_text_write_list(values, 1, text), 13);
    assert_int_equal(float_text_write_list(values, 0, text), 0);
    assert_int_equal(float_text_write_list((float[]){0.5F, NAN, 0.5F}, 3, text), 0);
    assert_int_equal(float_text_write_list((float[]){0.5F, INFINITY}, 2, text), 0);
}

static void refuses_what_json_cannot_say(void **state)
{
    (void)state;
    char text[FLOAT_TEXT_MAX] = "untouched";
    assert_int_equal(float_text_write(NAN, text), 0);
    assert_int_equal(float_text_write(INFINITY, text), 0);
    assert_int_equal(float_text_write(-INFINITY, text), 0);
    assert_string_equal(text, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_at_the_edges),
        cmocka_unit_test(reads_back_in_every_range),
        cmocka_unit_test(reads_back_in_a_vectors_range),
        cmocka_unit_test(writes_numbers_as_json_has_them),
        cmocka_unit_test(reads_back_between_two_to_the_minus_ten_and_one),
        cmocka_unit_test(writes_lists),
        cmocka_unit_test(refuses_what_json_cannot_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
