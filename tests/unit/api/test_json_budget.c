#include "unit.h"

#include "api/body.h"

static json_cost cost_of(const char *text)
{
    return json_cost_of(text, strlen(text), SIZE_MAX);
}

static void counts_values_and_depth(void **state)
{
    (void)state;
    assert_int_equal(cost_of("").depth, 0);
    assert_int_equal(cost_of("{\"texts\":[\"a\",\"b\",\"c\"]}").depth, 2);
    assert_true(cost_of("{\"texts\":[\"a\",\"b\",\"c\"]}").values >= 5);
    assert_int_equal(cost_of("[[],[],[]]").values, 7);
    assert_int_equal(cost_of("]]]]").depth, 0);
    assert_int_equal(cost_of("[[[[").depth, 4);
}

static void looks_not_into_strings(void **state)
{
    (void)state;
    assert_int_equal(cost_of("\"[[[,,,{{\"").values, 1);
    assert_int_equal(cost_of("\"\\\"[,\"").values, 1);
    assert_int_equal(cost_of("\"\\\\\"[").values, 2);
    assert_int_equal(cost_of("\"never closed [,").values, 1);
    assert_int_equal(cost_of("\"\",\"\"").values, 2);
}

static void stops_at_the_maximum(void **state)
{
    (void)state;
    enum { LENGTH = 200000 };
    char *text = malloc(LENGTH);
    assert_non_null(text);
    memset(text, '[', LENGTH);
    json_cost cost = json_cost_of(text, LENGTH, 10);
    assert_int_equal(cost.values, 11);
    assert_int_equal(cost.depth, 10);
    assert_int_equal(json_cost_of(text, LENGTH, SIZE_MAX).depth, LENGTH);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_values_and_depth),
        cmocka_unit_test(looks_not_into_strings),
        cmocka_unit_test(stops_at_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
