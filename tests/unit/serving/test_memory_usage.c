#include "unit.h"

#include "serving/memory_budget.h"

static void sees_memory_that_is_touched(void **state)
{
    (void)state;
    const size_t size = (size_t)64 << 20;
    size_t before = memory_usage_bytes();
    assert_true(before > 0);
    volatile char *block = malloc(size);
    assert_non_null((void *)block);
    for (size_t i = 0; i < size; i += 4096)
        block[i] = 1;
    assert_true(memory_usage_bytes() >= before + size / 2);
    free((void *)block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sees_memory_that_is_touched)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
