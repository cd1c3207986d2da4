#include "unit.h"

#include "cli/bench/report.h"

#include <jansson.h>
#include <math.h>

static bench_report sample(void)
{
    bench_report report = {.tier = "avx2",
                           .cpu = "A \"fast\" CPU",
                           .version = "1.2.3",
                           .model = "some/model",
                           .peak_rss_bytes = 123456789,
                           .count = 2};
    report.results[0] = (bench_result){.length = 16,
                                       .tier = "avx2",
                                       .precision = "fp32",
                                       .threads = 2,
                                       .tokens_per_second = 12345.6,
                                       .texts_per_second = 771.6,
                                       .flops_per_second = 2.64e11,
                                       .peak_flops_per_second = 3.01e11,
                                       .share_of_peak = 0.875,
                                       .p50_ms = 0.9,
                                       .p99_ms = 1.5,
                                       .weight_bytes = 45000000};
    report.results[1] = report.results[0];
    report.results[1].length = 45.25;
    report.results[1].mixed = true;
    return report;
}

static void test_percentile_is_the_nearest_rank(void **state)
{
    (void)state;
    double values[100], one[1] = {7}, four[4] = {4, 1, 3, 2};
    for (int i = 0; i < 100; i++)
        values[i] = (i * 37) % 100 + 1; /* 1 .. 100 in another order */
    assert_true(bench_percentile(values, 100, 50) == 50);
    assert_true(bench_percentile(values, 100, 99) == 99);
    assert_true(bench_percentile(values, 100, 100) == 100);
    assert_true(bench_percentile(values, 100, 0) == 1);
    assert_true(bench_percentile(one, 1, 50) == 7 && bench_percentile(one, 1, 99) == 7);
    assert_true(bench_percentile(four, 4, 50) == 2);
    assert_true(bench_percentile(four, 4, 51) == 3);
    assert_true(bench_percentile(four, 4, 99) == 4);
}

static void test_json(void **state)
{
    (void)state;
    buf out;
    bench_report report = sample();
    buf_init(&out, 1 << 16);
    bench_print_json(&out, &report);
    json_t *root = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json_object_size(root), 6);
    assert_string_equal(json_string_value(json_object_get(root, "cpu")), "A \"fast\" CPU");
    assert_string_equal(json_string_value(json_object_get(root, "tier")), "avx2");
    assert_int_equal(json_integer_value(json_object_get(root, "peak_rss_bytes")), 123456789);
    const json_t *results = json_object_get(root, "results");
    assert_int_equal(json_array_size(results), 2);
    const json_t *first = json_array_get(results, 0), *second = json_array_get(results, 1);
    assert_int_equal(json_object_size(first), 12);
    assert_string_equal(json_string_value(json_object_get(first, "tier")), "avx2");
    assert_string_equal(json_string_value(json_object_get(first, "precision")), "fp32");
    assert_int_equal(json_integer_value(json_object_get(first, "threads")), 2);
    assert_true(json_number_value(json_object_get(first, "length")) == 16);
    assert_true(json_number_value(json_object_get(second, "length")) == 45.25);
    assert_true(fabs(json_number_value(json_object_get(first, "tokens_per_second")) - 12345.6) < 1e-6);
    assert_true(fabs(json_number_value(json_object_get(first, "flops_per_second")) - 2.64e11) < 1e4);
    assert_true(fabs(json_number_value(json_object_get(first, "peak_flops_per_second")) - 3.01e11) < 1e4);
    assert_true(json_number_value(json_object_get(first, "share_of_peak")) == 0.875);
    assert_int_equal(json_integer_value(json_object_get(first, "weight_bytes")), 45000000);
    assert_true(json_number_value(json_object_get(first, "p50_ms")) == 0.9);
    assert_true(json_number_value(json_object_get(first, "p99_ms")) == 1.5);
    json_decref(root);
    report.count = 0;
    buf_clear(&out);
    bench_print_json(&out, &report);
    root = json_loads(out.data, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "results")), 0);
    json_decref(root);
    buf_free(&out);
}

static void test_table(void **state)
{
    (void)state;
    buf out;
    bench_report report = sample();
    buf_init(&out, 1 << 16);
    bench_print_text(&out, &report);
    assert_non_null(strstr(
        out.data,
        "akidb-embed 1.2.3, some/model\nA \"fast\" CPU, 2 threads, peak memory 123.5 MB\n"
        "\nCPU tier avx2, precision fp32\n"
        "length, tokens     tokens/s    texts/s    GFLOP/s       peak   of peak    p50 ms    p99 ms\n"
        "16                   12,346      771.6      264.0      301.0     87.5%     0.900     1.500\n"
        "mixed, ~45           12,346      771.6      264.0      301.0     87.5%     0.900     1.500\n\n"));
    assert_non_null(strstr(out.data, "should be idle"));
    buf_free(&out);
}

static void test_table_parts_precisions(void **state)
{
    (void)state;
    buf out;
    bench_report report = sample();
    buf_init(&out, 1 << 16);
    report.results[1].tier = "avx512-bf16";
    report.results[1].precision = "bf16";
    bench_print_text(&out, &report);
    const char *first = strstr(out.data, "\nCPU tier avx2, precision fp32\n");
    const char *second = strstr(out.data, "\nCPU tier avx512-bf16, precision bf16\n");
    assert_true(first != NULL && second > first);
    assert_true(strstr(out.data, "\n16 ") < second && strstr(out.data, "\nmixed") > second);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentile_is_the_nearest_rank),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_parts_precisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
