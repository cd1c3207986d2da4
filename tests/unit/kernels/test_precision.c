#include "unit.h"

#include "kernels/precision.h"

#include <string.h>

static void test_names_are_those_of_the_option(void **state)
{
    (void)state;
    assert_string_equal(kernel_precision_name(AKI_PRECISION_AUTO), "auto");
    assert_string_equal(kernel_precision_name(AKI_PRECISION_FP32), "fp32");
    assert_string_equal(kernel_precision_name(AKI_PRECISION_BF16), "bf16");
    assert_string_equal(kernel_precision_name(AKI_PRECISION_INT8), "int8");
    assert_string_equal(kernel_precision_name(AKI_PRECISION_INT4), "int4");
    assert_null(kernel_precision_name((aki_precision)1000));
}

static void test_every_tier_has_fp32_and_its_default(void **state)
{
    (void)state;
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL; tier++) {
        assert_true(kernel_has_precision(*tier, AKI_PRECISION_FP32));
        assert_int_equal(kernel_has_precision(*tier, AKI_PRECISION_BF16), (*tier)->bf16 != NULL);
        assert_int_equal(kernel_has_precision(*tier, AKI_PRECISION_INT8), (*tier)->int8 != NULL);
        assert_int_equal(kernel_has_precision(*tier, AKI_PRECISION_INT4),
                         (*tier)->fp32->expand != NULL &&
                             ((*tier)->bf16 == NULL || (*tier)->bf16->expand != NULL));
        assert_false(kernel_has_precision(*tier, AKI_PRECISION_AUTO));
        assert_true(kernel_has_precision(*tier, kernel_precision_default(*tier)));
        assert_int_not_equal(kernel_precision_default(*tier), AKI_PRECISION_INT8);
        assert_true(kernel_burst_of(*tier, AKI_PRECISION_FP32) == (*tier)->fp32->burst);
        assert_null(kernel_burst_of(*tier, AKI_PRECISION_AUTO));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_those_of_the_option),
        cmocka_unit_test(test_every_tier_has_fp32_and_its_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
