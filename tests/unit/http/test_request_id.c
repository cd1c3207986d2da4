#include "unit.h"

#include "http/request.h"

static void takes_the_callers_where_it_is_fit(void **state)
{
    (void)state;
    char id[REQUEST_ID_MAX + 1], long_id[REQUEST_ID_MAX + 2];
    request_id_choose("abc-123!~", id);
    assert_string_equal(id, "abc-123!~");
    memset(long_id, 'x', sizeof long_id);
    long_id[REQUEST_ID_MAX] = '\0';
    request_id_choose(long_id, id);
    assert_string_equal(id, long_id);
}

static void assert_is_new(const char *id, const char *given)
{
    assert_int_equal(strlen(id), 32);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    assert_true(given == NULL || strcmp(id, given) != 0);
}

static void makes_one_up_otherwise(void **state)
{
    (void)state;
    char id[REQUEST_ID_MAX + 1], other[REQUEST_ID_MAX + 1], long_id[REQUEST_ID_MAX + 2];
    request_id_choose(NULL, id);
    assert_is_new(id, NULL);
    request_id_choose(NULL, other);
    assert_string_not_equal(id, other);
    memset(long_id, 'x', sizeof long_id);
    long_id[REQUEST_ID_MAX + 1] = '\0';
    const char *const unfit[] = {"", "two words", "tab\there", "\xC3\xA9", "\x7F", long_id};
    for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++) {
        request_id_choose(unfit[i], id);
        assert_is_new(id, unfit[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_callers_where_it_is_fit),
        cmocka_unit_test(makes_one_up_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
