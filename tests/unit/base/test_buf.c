#include "unit.h"

#include "base/buf.h"
#include "base/memory.h"

static void grows_up_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 1000);
    for (int i = 0; i < 100; i++)
        assert_true(buf_append_string(&b, "0123456789"));
    assert_int_equal(b.length, 1000);
    assert_int_equal(strlen(b.data), 1000);
    assert_false(buf_append_char(&b, 'x'));
    assert_true(b.failed);
    assert_int_equal(b.length, 1000);
    buf_clear(&b);
    assert_true(buf_append_char(&b, 'x'));
    assert_string_equal(b.data, "x");
    buf_free(&b);
}

static void failure_is_sticky(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 3);
    assert_false(buf_append_string(&b, "four"));
    assert_false(buf_append_char(&b, 'a'));
    size_t length = 1;
    assert_null(buf_take(&b, &length));
    buf_free(&b);
}

static void prints_and_hands_over(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 1 << 20);
    assert_true(buf_printf(&b, "%d-%s", 42, "x"));
    assert_true(buf_printf(&b, "%0500d", 7));
    size_t length = 0;
    char *data = buf_take(&b, &length);
    assert_non_null(data);
    assert_int_equal(length, 504);
    assert_memory_equal(data, "42-x000", 7);
    assert_null(b.data);
    mem_free(data);
}

static void a_print_that_does_not_fit_leaves_the_contents(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, 8);
    assert_true(buf_printf(&b, "%s", "abcde"));
    assert_false(buf_printf(&b, "%d", 1234));
    assert_string_equal(b.data, "abcde");
    assert_false(buf_printf(&b, "%d", 1)); /* sticky */
    buf_clear(&b);
    assert_true(buf_printf(&b, "%s", "abcdefgh"));
    assert_string_equal(b.data, "abcdefgh");
    buf_free(&b);
}

static void refuses_sizes_that_overflow(void **state)
{
    (void)state;
    buf b;
    buf_init(&b, SIZE_MAX);
    assert_true(buf_append_char(&b, 'a'));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    buf_free(&b);
    assert_null(mem_alloc(SIZE_MAX / 2, 3));
    assert_null(mem_alloc_aligned(SIZE_MAX / 2, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_maximum_and_no_further),
        cmocka_unit_test(failure_is_sticky),
        cmocka_unit_test(prints_and_hands_over),
        cmocka_unit_test(a_print_that_does_not_fit_leaves_the_contents),
        cmocka_unit_test(refuses_sizes_that_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
