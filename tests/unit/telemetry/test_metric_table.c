#include "unit.h"

#include "telemetry/metric_table.h"

static void every_row_is_whole(void **state)
{
    (void)state;
    for (size_t id = 0; id < METRIC_TOTAL; id++) {
        const metric *row = &metric_table[id];
        assert_non_null(row->name);
        assert_non_null(row->help);
        const size_t length = strlen(row->name);
        const bool total = length > 6 && strcmp(row->name + length - 6, "_total") == 0;
        assert_int_equal(total, row->kind == METRIC_COUNTER);
        assert_int_equal(row->bound_count > 0, row->kind == METRIC_HISTOGRAM);
        for (size_t i = 1; i < row->bound_count; i++)
            assert_true(row->bounds[i - 1] < row->bounds[i]);
        for (size_t other = 0; other < id; other++)
            assert_string_not_equal(row->name, metric_table[other].name);
    }
}

static void units_are_suffixes(void **state)
{
    (void)state;
    for (size_t id = 0; id < METRIC_TOTAL; id++) {
        const metric *row = &metric_table[id];
        if (row->unit == NULL)
            continue;
        char family[128];
        snprintf(family, sizeof family, "%s", row->name);
        if (row->kind == METRIC_COUNTER)
            family[strlen(family) - 6] = '\0';
        const size_t unit = strlen(row->unit);
        assert_true(strlen(family) > unit);
        assert_string_equal(family + strlen(family) - unit, row->unit);
    }
}

static void series_are_the_combinations_of_label_values(void **state)
{
    (void)state;
    const metric_names domains[] = {{NULL, 3}, {NULL, 7}};
    assert_int_equal(metric_series(&metric_table[METRIC_REQUESTS], domains), 1);
    assert_int_equal(metric_series(&metric_table[METRIC_REQUEST_DURATION], domains), METRIC_ERROR + 1);
    assert_int_equal(metric_series(&metric_table[METRIC_TOKENS], domains), 3);
    assert_int_equal(metric_series(&metric_table[METRIC_HTTP_REQUESTS], domains),
                     (METRIC_ROUTE_OTHER + 1) * (METRIC_STATUS_ABORTED + 1));
    assert_int_equal(metric_series(&metric_table[METRIC_REJECTED], domains), METRIC_REJECTED_LIMIT + 1);
    assert_int_equal(metric_series(&metric_table[METRIC_QUEUE_AGE], domains), METRIC_BULK + 1);
    assert_int_equal(metric_series(&metric_table[METRIC_ERRORS_BY_CODE], domains), 7);
    assert_int_equal(metric_series(&metric_table[METRIC_CACHE], domains), METRIC_CACHE_MISS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),
        cmocka_unit_test(units_are_suffixes),
        cmocka_unit_test(series_are_the_combinations_of_label_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
