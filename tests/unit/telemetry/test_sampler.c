#include "unit.h"

#include "telemetry/sampler.h"

static bool decides(const char *name, double ratio, const trace_context *parent, uint8_t high_byte)
{
    sampler s;
    uint8_t id[TRACE_ID_BYTES] = {0xff, [8] = high_byte, [15] = 1};
    assert_true(sampler_by_name(name, ratio, &s));
    return sampler_decide(&s, parent, id);
}

static void follows_the_specification_by_name(void **state)
{
    (void)state;
    static const trace_context sampled = {.flags = TRACE_SAMPLED}, unsampled = {.flags = 0};
    static const struct {
        const char *name;
        bool root, with_sampled, with_unsampled;
    } rows[] = {
        {"always_on", true, true, true},
        {"always_off", false, false, false},
        {"parentbased_always_on", true, true, false},
        {"parentbased_always_off", false, true, false},
        {"parentbased_traceidratio", true, true, false},
        {"traceidratio", true, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(decides(rows[i].name, 0.5, NULL, 0x10), rows[i].root);
        assert_int_equal(decides(rows[i].name, 0.5, &sampled, 0x10), rows[i].with_sampled);
        assert_int_equal(decides(rows[i].name, 0.5, &unsampled, 0x10), rows[i].with_unsampled);
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
        assert_int_equal(decides("traceidratio", rows[i].ratio, NULL, rows[i].high_byte), rows[i].sampled);
}

static void refuses_unknown_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "", "ALWAYS_ON", "parentbased", "parentbased_", "jaeger_remote", "always_on "};
    sampler s;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(sampler_by_name(names[i], 1, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_specification_by_name),
        cmocka_unit_test(compares_the_low_63_bits_with_the_ratio),
        cmocka_unit_test(refuses_unknown_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
