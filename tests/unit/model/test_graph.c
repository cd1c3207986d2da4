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

/* The slopes that ALiBi's authors give for 8 heads and for 12, which is no power of two. */
static void slopes_are_those_of_alibi(void **state)
{
    (void)state;
    for (size_t head = 0; head < 8; head++) {
        assert_true(model_alibi_slope(head, 8) == 1.0 / (double)(2u << head));
        assert_true(model_alibi_slope(head, 12) == 1.0 / (double)(2u << head));
    }
    for (size_t head = 8; head < 12; head++) {
        const double between = model_alibi_slope(head, 12) / model_alibi_slope(head - 8, 12);
        assert_true(between > 1.414213 && between < 1.414214);
    }
    assert_true(model_alibi_slope(0, 1) == 1.0 / 256.0);
}

static void layers_are_local_by_their_bit(void **state)
{
    (void)state;
    const model_graph graph = {.local_layers = {UINT64_C(1) << 63, 2}};
    for (size_t layer = 0; layer < MODEL_MAX_LAYERS; layer++)
        assert_int_equal(model_layer_reach(&graph, layer),
                         layer == 63 || layer == 65 ? MODEL_LOCAL : MODEL_GLOBAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_those_of_the_reference),
        cmocka_unit_test(positions_begin_behind_padding),
        cmocka_unit_test(slopes_are_those_of_alibi),
        cmocka_unit_test(layers_are_local_by_their_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
