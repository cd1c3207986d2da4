#include "check.h"

#include "akidb/embed.h"
#include "kernels/cpu.h"

static void lists_tiers_best_first_and_the_reference_last(void **state)
{
    (void)state;
    const kernel_table *const *tiers = kernels_available();
    const char *const *names = aki_cpu_tiers();
    size_t count = 0;
    for (; tiers[count] != NULL; count++) {
        assert_string_equal(names[count], tiers[count]->name);
        assert_ptr_equal(kernels_find(names[count]), tiers[count]);
    }
    assert_null(names[count]);
    assert_true(count >= 1);
    assert_string_equal(names[count - 1], "reference");
    assert_ptr_equal(kernels_find(NULL), tiers[0]);
}

static void does_not_find_other_names(void **state)
{
    (void)state;
    assert_null(kernels_find("avx1024"));
    assert_null(kernels_find(""));
    assert_null(kernels_find("REFERENCE"));
}

static void offers_what_the_cpu_can_do_and_nothing_else(void **state)
{
    (void)state;
    cpu_features features = cpu_detect();
    assert_int_equal(kernels_find("avx2") != NULL, features.avx2);
    assert_int_equal(kernels_find("avx512") != NULL, features.avx512);
    assert_int_equal(kernels_find("avx2-vnni") != NULL, features.avx2_vnni);
    assert_int_equal(kernels_find("avx512-vnni") != NULL, features.avx512_vnni);
    assert_int_equal(kernels_find("avx512-bf16") != NULL, features.avx512_bf16);
    assert_true(features.avx2 || !features.avx512);
    assert_true(features.avx2 || !features.avx2_vnni);
    assert_true(features.avx512 || !features.avx512_vnni);
    assert_true(features.avx512_vnni || !features.avx512_bf16);
    assert_true(features.avx512_bf16 || features.bf16_speed == CPU_SPEED_UNKNOWN);
    assert_int_equal(kernels_find("amx") != NULL, features.amx);
    assert_int_equal(kernels_find("neon-dotprod") != NULL, features.neon_dotprod);
    assert_int_equal(kernels_find("neon-i8mm") != NULL, features.neon_i8mm);
    assert_true(features.neon_dotprod || !features.neon_i8mm);
#if defined(__aarch64__)
    assert_non_null(
        kernels_find("neon")); /* which of the others it has is known for emulated CPUs: tests/emulated */
#else
    assert_null(kernels_find("neon"));
#endif
    assert_true(features.avx512_bf16 || !features.amx);
#if defined(__x86_64__)
    /* The compiler's runtime asks the CPU by code of its own. */
    __builtin_cpu_init();
    assert_int_equal(features.avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    assert_int_equal(features.avx512,
                     __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"));
    assert_int_equal(features.avx512_vnni, features.avx512 && __builtin_cpu_supports("avx512vnni"));
    assert_int_equal(features.avx512_bf16, features.avx512_vnni && __builtin_cpu_supports("avx512bf16"));
#endif
}

static void puts_bf16_first_where_it_is_known_to_be_fast(void **state)
{
    (void)state;
    cpu_features features = cpu_detect();
    const char *best = kernels_find(NULL)->name;
    if (features.amx)
        assert_string_equal(best, "amx");
    else if (features.bf16_speed != CPU_SPEED_UNKNOWN)
        assert_string_equal(best, features.bf16_speed == CPU_FASTER ? "avx512-bf16" : "avx512-vnni");
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (features.bf16_speed == CPU_FASTER)
        assert_true(__builtin_cpu_is("amd"));
    if (features.bf16_speed == CPU_SLOWER)
        assert_true(__builtin_cpu_is("intel"));
#endif
    CHECK_EACH_TIER(tier)
    assert_true(tier->bf16 != NULL || !tier->bf16_is_faster);
    assert_non_null(
        kernels_find("reference")->bf16); /* what the others are held against is there on every CPU */
}

static void bursts_report_the_work_they_do(void **state)
{
    (void)state;
    CHECK_EACH_PRECISION(tier, precision)
    {
        double once = precision->burst(10);
        assert_true(once >= 10);
        assert_true(precision->burst(1000) == 100 * once);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_tiers_best_first_and_the_reference_last),
        cmocka_unit_test(does_not_find_other_names),
        cmocka_unit_test(offers_what_the_cpu_can_do_and_nothing_else),
        cmocka_unit_test(puts_bf16_first_where_it_is_known_to_be_fast),
        cmocka_unit_test(bursts_report_the_work_they_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
