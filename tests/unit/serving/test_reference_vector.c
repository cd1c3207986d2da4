#include "unit.h"

#include "base/utf8.h"
#include "serving/vector_check.h"

#include <math.h>

static void is_a_unit_vector_without_holes(void **state)
{
    (void)state;
    double norm = 0;
    for (size_t i = 0; i < REFERENCE_DIMENSION; i++) {
        assert_true(isfinite(reference_vector[i]));
        norm += (double)reference_vector[i] * (double)reference_vector[i];
    }
    assert_true(fabs(sqrt(norm) - 1) < 1e-6);
    assert_true(reference_vector[REFERENCE_DIMENSION - 1] != 0); /* the table is as long as its type says */
}

static void names_its_weights_by_a_sha256(void **state)
{
    (void)state;
    assert_int_equal(strlen(reference_weights_sha256), 64);
    assert_int_equal(strspn(reference_weights_sha256, "0123456789abcdef"), 64);
}

/* Words of several bytes per character, so that a tokenizer that cuts them is noticed. */
static void its_text_is_utf8_and_not_ascii_alone(void **state)
{
    (void)state;
    const size_t length = strlen(reference_text);
    size_t beyond_ascii = 0;
    assert_true(utf8_valid(reference_text, length, NULL));
    for (size_t i = 0; i < length; i++)
        beyond_ascii += (unsigned char)reference_text[i] >= 0x80;
    assert_true(beyond_ascii > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_a_unit_vector_without_holes),
        cmocka_unit_test(names_its_weights_by_a_sha256),
        cmocka_unit_test(its_text_is_utf8_and_not_ascii_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
