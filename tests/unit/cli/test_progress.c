#include "unit.h"

#include "base/clock.h"
#include "cli/progress.h"

static void expect(progress_state state, size_t columns, const char *text)
{
    char out[PROGRESS_MAX_BYTES];
    size_t length = progress_render(&state, columns, out);
    assert_string_equal(out, text);
    assert_int_equal(length, strlen(text));
}

static void test_bar_rate_and_time_left(void **state)
{
    (void)state;
    progress_state half = {.label = "embed",
                           .unit = "texts",
                           .count = 12345,
                           .done = 500,
                           .total = 1000,
                           .elapsed_ns = 10 * NS_PER_S};
    expect(half, 200, "embed  [############............]  50%  12,345 texts  1,235 texts/s  0:10 left");
    half.started = 12000; /* the rate is of this run only */
    half.done_at_start = 400;
    expect(half, 200, "embed  [############............]  50%  12,345 texts  35 texts/s  0:50 left");
    expect(half, 20, "embed  [############");
    half.done = 1000;
    expect(half, 200, "embed  [########################] 100%  12,345 texts  35 texts/s");
    half.done = 1001; /* a file that grew */
    expect(half, 200, "embed  [########################] 100%  12,345 texts  35 texts/s");
}

static void test_unknown_total_and_bytes(void **state)
{
    (void)state;
    progress_state pipe = {.label = "embed", .unit = "texts", .count = 7, .done = 70, .elapsed_ns = NS_PER_S};
    expect(pipe, 200, "embed  7 texts  7 texts/s");
    progress_state start = {.label = "model", .total = 100};
    expect(start, 200, "model  [........................]   0%  0 B  0 B/s");
    progress_state bytes = {
        .label = "model", .count = 45400000, .done = 45400000, .total = 90800000, .elapsed_ns = 2 * NS_PER_S};
    expect(bytes, 200, "model  [############............]  50%  45.4 MB  22.7 MB/s  0:02 left");
}

static void test_amounts(void **state)
{
    (void)state;
    char out[40];
    progress_write_count(0, out, sizeof out);
    assert_string_equal(out, "0");
    progress_write_count(999, out, sizeof out);
    assert_string_equal(out, "999");
    progress_write_count(1000, out, sizeof out);
    assert_string_equal(out, "1,000");
    progress_write_count(UINT64_C(18446744073709551615), out, sizeof out);
    assert_string_equal(out, "18,446,744,073,709,551,615");
    progress_write_bytes(999, out, sizeof out);
    assert_string_equal(out, "999 B");
    progress_write_bytes(90868376, out, sizeof out);
    assert_string_equal(out, "90.9 MB");
    progress_write_time(0, out, sizeof out);
    assert_string_equal(out, "0:00");
    progress_write_time(61 * NS_PER_S, out, sizeof out);
    assert_string_equal(out, "1:01");
    progress_write_time(3661 * NS_PER_S, out, sizeof out);
    assert_string_equal(out, "1:01:01");
}

static void test_silent_where_there_is_no_terminal(void **state)
{
    (void)state;
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    progress bar;
    progress_state now = {.label = "x", .unit = "texts"};
    progress_begin(&bar, ends[1]);
    progress_update(&bar, &now);
    progress_clear(&bar);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar_rate_and_time_left),
        cmocka_unit_test(test_unknown_total_and_bytes),
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_silent_where_there_is_no_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
