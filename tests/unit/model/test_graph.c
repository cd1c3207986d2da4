#include "unit.h"

#include "model/graph.h"

/* Where buckets begin in transformers' MPNetEncoder.relative_position_bucket. */
static void buckets_are_those_of_the_reference(void **state)
{
    (void)state;
    static const ptrdiff_t begins[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91};
    size_t bucket = 0;
    for (ptrdiff_t away = 0; away < 70000; away++) {
        if (bucket < 15 && away == begins[bucket + 1])
            bucket++;
        assert_int_equal(model_relative_bucket(-away), bucket);
        if (away > 0)
            assert_int_equal(model_relative_bucket(away), 16 + bucket);
    }
}

static void positions_begin_behind_padding(void **state)
{
    (void)state;
    assert_int_equal(model_first_position(&(model_graph){0}), 0);
    assert_int_equal(model_first_position(&(model_graph){.positions_skip_padding = true, .padding_id = 1}),
                     2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_those_of_the_reference),
        cmocka_unit_test(positions_begin_behind_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
