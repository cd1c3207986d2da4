#include "unit.h"

#include "telemetry/sampler.h"

static bool decides(double ratio, bool parent_based, const trace_context *parent, uint8_t high_byte)
{
    const uint8_t id[TRACE_ID_BYTES] = {0xff, [8] = high_byte, [15] = 1};
    const sampler s = sampler_make(ratio, parent_based);
    return sampler_decide(&s, parent, id);
}

static void asks_the_parent_where_it_is_told_to(void **state)
{
    (void)state;
    static const trace_context sampled = {.flags = TRACE_SAMPLED}, unsampled = {.flags = 0};
    static const struct {
        double ratio;
        bool parent_based, root, with_sampled, with_unsampled;
    } rows[] = {
        {1, false, true, true, true},  {0, false, false, false, false}, {1, true, true, true, false},
        {0, true, false, true, false}, {0.5, true, true, true, false},  {0.5, false, true, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(decides(rows[i].ratio, rows[i].parent_based, NULL, 0x10), rows[i].root);
        assert_int_equal(decides(rows[i].ratio, rows[i].parent_based, &sampled, 0x10), rows[i].with_sampled);
        assert_int_equal(decides(rows[i].ratio, rows[i].parent_based, &unsampled, 0x10),
                         rows[i].with_unsampled);
    }
}

static void compares_the_low_63_bits_with_the_ratio(void **state)
{
    (void)state;
    static const struct {
        double ratio;
        uint8_t high_byte;
        bool sampled;
    } rows[] = {
        {0, 0, false},       {1, 0xff, true},   {0.5, 0x7f, true}, {0.5, 0x80, false},    {0.25, 0x3f, true},
        {0.25, 0x40, false}, {-1, 0x00, false}, {2, 0xff, true},   {0.0 / 0.0, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(decides(rows[i].ratio, false, NULL, rows[i].high_byte), rows[i].sampled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_the_parent_where_it_is_told_to),
        cmocka_unit_test(compares_the_low_63_bits_with_the_ratio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
