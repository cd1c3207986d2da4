#include "unit.h"

#include "base/xxhash64.h"

static void gives_the_reference_values(void **state)
{
    (void)state;
    static const char text[] = "a text of more than thirty-two bytes, with a tail of 15";
    assert_true(xxhash64(0, "", 0) == UINT64_C(0xef46db3751d8e999));
    assert_true(xxhash64(0, "a", 1) == UINT64_C(0xd24ec4f1a98c6e5b));
    assert_true(xxhash64(0, "abc", 3) == UINT64_C(0x44bc2cf5ad770999));
    assert_true(xxhash64(7, text, sizeof text - 1) == UINT64_C(0x7d2b39177647debc));
}

static void depends_on_the_seed_and_on_every_byte(void **state)
{
    (void)state;
    char text[80];
    memset(text, 'x', sizeof text);
    const uint64_t hash = xxhash64(1, text, sizeof text);
    assert_true(xxhash64(2, text, sizeof text) != hash);
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = 'y';
        assert_true(xxhash64(1, text, sizeof text) != hash);
        text[i] = 'x';
        assert_true(xxhash64(1, text, i) != hash);
    }
}

/* However the bytes are cut, and with the value asked for in between. */
static void parts_give_the_value_of_the_whole(void **state)
{
    (void)state;
    char text[200];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 7);
    for (size_t step = 1; step <= 100; step++) {
        xxhash64_state parts;
        xxhash64_begin(&parts, 5);
        for (size_t at = 0; at < sizeof text; at += step) {
            assert_true(xxhash64_value(&parts) == xxhash64(5, text, at));
            xxhash64_add(&parts, text + at, step < sizeof text - at ? step : sizeof text - at);
            xxhash64_add(&parts, text, 0);
        }
        assert_true(xxhash64_value(&parts) == xxhash64(5, text, sizeof text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_reference_values),
        cmocka_unit_test(parts_give_the_value_of_the_whole),
        cmocka_unit_test(depends_on_the_seed_and_on_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
