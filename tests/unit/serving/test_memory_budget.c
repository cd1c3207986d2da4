#include "unit.h"

#include "serving/memory_budget.h"

#include <sys/resource.h>

#define MB 1000000

static void refuses_what_does_not_fit_and_says_the_numbers(void **state)
{
    (void)state;
    const memory_budget budget = {.room_bytes = (size_t)100 * MB, .limit_bytes = (size_t)512 * MB};
    aki_error error;
    assert_int_equal(memory_budget_allows(&budget, (size_t)90 * MB, "the model", &error), AKI_OK);
    assert_int_equal(memory_budget_allows(&budget, (size_t)95 * MB, "the model", &error), AKI_OUT_OF_MEMORY);
    assert_non_null(strstr(error.message, "the model takes about 95 MB"));
    assert_non_null(strstr(error.message, "100 MB are left of the limit of 512 MB"));
    memory_budget_explain(&budget, &error);
    assert_non_null(strstr(error.hint, "100 MB are left of the limit of 512 MB"));
    const memory_budget none_left = {.room_bytes = MB, .limit_bytes = (size_t)512 * MB};
    assert_int_equal(memory_budget_allows(&none_left, 0, "a request", &error), AKI_OUT_OF_MEMORY);
}

static void allows_anything_without_a_limit(void **state)
{
    (void)state;
    const memory_budget budget = {.room_bytes = SIZE_MAX};
    aki_error error;
    assert_int_equal(memory_budget_allows(&budget, SIZE_MAX, "the model", &error), AKI_OK);
}

static void sees_the_limit_of_the_address_space(void **state)
{
    (void)state;
    memory_budget before, budget;
    memory_budget_read(&before);
    assert_true(before.resident_bytes > 0);
    struct rlimit limit, former;
    assert_int_equal(getrlimit(RLIMIT_AS, &former), 0);
    const rlim_t wanted = (rlim_t)1 << 46; /* sanitizers map some 2^44 */
    if (former.rlim_max < wanted)
        skip();
    limit = (struct rlimit){.rlim_cur = wanted, .rlim_max = former.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    memory_budget_read(&budget);
    assert_int_equal(setrlimit(RLIMIT_AS, &former), 0);
    assert_true(budget.room_bytes < wanted);
    if (before.room_bytes == SIZE_MAX)
        assert_true(budget.limit_bytes == wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_does_not_fit_and_says_the_numbers),
        cmocka_unit_test(allows_anything_without_a_limit),
        cmocka_unit_test(sees_the_limit_of_the_address_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
