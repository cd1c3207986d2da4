#include "unit.h"

#include "base/error.h"
#include "cli/doctor/report.h"

#include <jansson.h>

static void test_text_and_json(void **state)
{
    (void)state;
    static doctor_report report;
    report.count = 0;
    buf out;
    buf_init(&out, 1 << 16);
    doctor_add(&report, FINDING_OK, "CPU", "%d cores", 2);
    doctor_add(&report, FINDING_WARN, "memory", "little");
    doctor_remedy(&report, "free %s", "some");
    assert_true(doctor_healthy(&report));
    doctor_print_text(&out, &report);
    assert_string_equal(out.data, "ok    CPU          2 cores\nwarn  memory       little\n"
                                  "                   -> free some\n\nAll is well.\n");
    aki_error error;
    error_set(&error, AKI_MODEL_NOT_FOUND, "no \"such\" model");
    doctor_add_error(&report, "model", &error);
    assert_false(doctor_healthy(&report));
    buf_clear(&out);
    doctor_print_json(&out, &report);
    json_t *root = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_false(json_object_get(root, "ok")));
    json_t *last = json_array_get(json_object_get(root, "checks"), 2);
    assert_string_equal(json_string_value(json_object_get(last, "status")), "fail");
    assert_string_equal(json_string_value(json_object_get(last, "detail")),
                        "model_not_found: no \"such\" model");
    assert_true(json_string_length(json_object_get(last, "remedy")) > 0);
    json_t *tiers = json_object_get(root, "tiers"),
           *worst = json_array_get(tiers, json_array_size(tiers) - 1);
    assert_string_equal(json_string_value(json_object_get(worst, "name")), "reference");
    assert_string_equal(json_string_value(json_array_get(json_object_get(worst, "precisions"), 0)), "fp32");
    json_decref(root);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
