#include "scheduler/rig.h"

static void refuses_what_does_not_fit_the_queue(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 2, 60, 1 << 20);
    outcome a, b, c, d;
    aki_error error;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    const char *two[] = {"0123456789012345678901234567890123456789",
                         "0123456789012345678901234567890123456789"};
    outcome_init(&b);
    assert_int_equal(submit(s, two, 2, INT64_MAX, &b, &error), AKI_OK); /* alone: over the limit, but taken */
    outcome_init(&c);
    assert_int_equal(submit(s, two, 1, INT64_MAX, &c, &error), AKI_OVERLOADED);
    assert_non_null(strstr(error.message, "60"));
    assert_null(c.request);
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);

    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 3);
    submit_one(s, "b", &b);
    submit_one(s, "c", &c);
    const char *one = "d";
    outcome_init(&d);
    assert_int_equal(submit(s, &one, 1, INT64_MAX, &d, &error), AKI_OVERLOADED);
    assert_non_null(strstr(error.message, "2 requests"));
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);
    outcome_wait(&c);
    submit_one(s, "d", &d);
    outcome_wait(&d);
    assert_int_equal(d.status, AKI_OK);
    scheduler_close(s);
}

static void bounds_the_bytes_under_way(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 100, 1000, 700);
    outcome a, b;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    const char *texts[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "0"};
    outcome_init(&b);
    aki_error error;
    assert_int_equal(submit(s, texts, 10, INT64_MAX, &b, &error), AKI_OVERLOADED);
    assert_non_null(strstr(error.message, "700"));
    fake_open_gate(&enc);
    outcome_wait(&a);
    assert_int_equal(submit(s, texts, 10, INT64_MAX, &b, &error), AKI_OK);
    outcome_wait(&b);
    scheduler_close(s);
}

static void refuses_bad_texts_on_the_spot(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome o;
    outcome_init(&o);
    aki_error error;
    const char *texts[] = {"a", ""};
    assert_int_equal(submit(s, texts, 2, INT64_MAX, &o, &error), AKI_EMPTY_TEXT);
    assert_int_equal(error.text_index, 1);
    assert_int_equal(submit(s, texts, 0, INT64_MAX, &o, &error), AKI_INVALID_ARGUMENT);
    char text_of_60[61];
    memset(text_of_60, 'x', 60);
    text_of_60[60] = '\0';
    aki_text spans[] = {text_of("short"), text_of(text_of_60)};
    scheduler_request *request;
    scheduler_submission submission = {
        .texts = spans, .count = 2, .options = {.refuse_long = true}, .done = on_done, .cookie = &o};
    assert_int_equal(scheduler_submit(s, &submission, &request, &error), AKI_TEXT_TOO_LONG);
    assert_int_equal(error.text_index, 1);
    assert_null(request);
    assert_int_equal(o.calls, 0);
    scheduler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_does_not_fit_the_queue),
        cmocka_unit_test(bounds_the_bytes_under_way),
        cmocka_unit_test(refuses_bad_texts_on_the_spot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
