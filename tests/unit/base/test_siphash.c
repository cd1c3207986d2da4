#include "unit.h"

#include "base/siphash.h"

/* The key 00 01 … 0f and inputs 00 01 … n-1 of the paper's reference program. */
static const siphash_key reference_key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static void gives_the_reference_values(void **state)
{
    (void)state;
    const struct {
        size_t length;
        uint64_t hash;
    } rows[] = {{0, UINT64_C(0x726fdb47dd0e0e31)},
                {1, UINT64_C(0x74f839c593dc67fd)},
                {7, UINT64_C(0xab0200f58b01d137)},
                {8, UINT64_C(0x93f5f5799a932462)},
                {15, UINT64_C(0xa129ca6149be45e5)}};
    unsigned char input[16];
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_true(siphash(reference_key, input, rows[i].length) == rows[i].hash);
}

static void depends_on_the_key_and_on_every_byte(void **state)
{
    (void)state;
    char text[40];
    memset(text, 'x', sizeof text);
    uint64_t hash = siphash(reference_key, text, sizeof text);
    siphash_key other = {reference_key.k0 + 1, reference_key.k1};
    assert_true(siphash(other, text, sizeof text) != hash);
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = 'y';
        assert_true(siphash(reference_key, text, sizeof text) != hash);
        text[i] = 'x';
        assert_true(siphash(reference_key, text, i) != hash);
    }
    siphash_key a = siphash_random_key(), b = siphash_random_key();
    assert_true(a.k0 != b.k0 || a.k1 != b.k1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_reference_values),
        cmocka_unit_test(depends_on_the_key_and_on_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
