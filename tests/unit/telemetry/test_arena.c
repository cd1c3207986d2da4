#include "unit.h"

#include "telemetry/otlp_message.h"

static void gives_zeroed_memory_of_any_size(void **state)
{
    (void)state;
    arena a = {0};
    for (size_t bytes = 0; bytes < 300000; bytes = bytes * 3 + 1) {
        unsigned char *object = arena_zalloc(&a, bytes, 1);
        assert_non_null(object);
        assert_int_equal((uintptr_t)object % 16, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(object[i], 0);
        memset(object, 0xff, bytes);
    }
    assert_false(a.failed);
    arena_free(&a);
    assert_null(a.blocks);
    arena_free(&a);
}

static void fails_for_good(void **state)
{
    (void)state;
    arena a = {0};
    assert_null(arena_zalloc(&a, SIZE_MAX / 2, 3));
    assert_true(a.failed);
    assert_null(arena_zalloc(&a, 1, 1));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_zeroed_memory_of_any_size),
        cmocka_unit_test(fails_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
