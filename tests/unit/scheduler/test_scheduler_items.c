#include "scheduler/rig.h"

static void names_the_text_that_came_out_not_finite(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome good, bad;
    fake_close_gate(&enc);
    submit_one(s, "first", &good);
    fake_wait_entered(&enc, 1);
    const char *texts[] = {"fine", "fine", "!not fine", "fine"};
    outcome_init(&bad);
    aki_error error;
    assert_int_equal(submit(s, texts, 4, INT64_MAX, &bad, &error), AKI_OK);
    fake_open_gate(&enc);
    outcome_wait(&good);
    outcome_wait(&bad);
    assert_int_equal(good.status, AKI_OK);
    assert_int_equal(bad.status, AKI_NOT_FINITE);
    assert_int_equal(bad.text_index, 2);
    assert_int_equal(bad.calls, 1);
    scheduler_close(s);
}

static void hands_a_failed_pass_to_all_its_requests(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome a, b;
    fake_close_gate(&enc);
    submit_one(s, "a", &a);
    fake_wait_entered(&enc, 1);
    submit_one(s, "b", &b);
    enc.outcome = AKI_MODEL_CHANGED;
    fake_open_gate(&enc);
    outcome_wait(&a);
    outcome_wait(&b);
    assert_int_equal(a.status, AKI_MODEL_CHANGED);
    assert_int_equal(b.status, AKI_MODEL_CHANGED);
    scheduler_close(s);
}

static void lets_single_texts_fail_alone_where_asked(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome o;
    outcome_init(&o);
    aki_error error;
    char long_text[61];
    memset(long_text, 'x', 60);
    long_text[60] = '\0';
    aki_text texts[] = {text_of("good"), text_of("!bad"), text_of(""),
                        text_of("fine"), {NULL, 0},       text_of(long_text)};
    scheduler_submission submission = {.texts = texts,
                                       .count = 6,
                                       .options = {.refuse_long = true},
                                       .on_error_item = true,
                                       .done = on_done,
                                       .cookie = &o};
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_OK);
    assert_int_equal(o.count, 6);
    assert_int_equal(o.item_errors, 4);
    const struct {
        size_t index;
        aki_status status;
    } expected[] = {
        {1, AKI_NOT_FINITE}, {2, AKI_EMPTY_TEXT}, {4, AKI_INVALID_ARGUMENT}, {5, AKI_TEXT_TOO_LONG}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(o.items[i].index, expected[i].index);
        assert_int_equal(o.items[i].status, expected[i].status);
        assert_true(o.items[i].message[0] != '\0');
        assert_float_equal(o.first[expected[i].index], 0, 0);
    }
    assert_float_equal(o.first[0], sum_of("good"), 0);
    assert_float_equal(o.first[3], sum_of("fine"), 0);

    /* Nothing left to compute: answered before the submission returns, without a pass. */
    size_t passes = enc.passes;
    submission.texts = texts + 2;
    submission.count = 1;
    outcome_init(&o);
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OK);
    assert_int_equal(o.calls, 1);
    assert_int_equal(o.status, AKI_OK);
    assert_int_equal(o.item_errors, 1);
    assert_int_equal(enc.passes, passes);
    outcome_wait(&o);
    scheduler_close(s);
}

static void takes_token_ids_in_the_place_of_texts(void **state)
{
    (void)state;
    scheduler *s = open_scheduler(1, 10, 1000, 1 << 20);
    outcome o;
    outcome_init(&o);
    aki_error error;
    aki_text texts[] = {{NULL, 0}, text_of("text"), {NULL, 0}};
    int32_t few[] = {1, 255}, many[FAKE_MAX_TOKENS + 1] = {0}, beyond[] = {256}, below[] = {-1};
    scheduler_ids ids[3] = {{few, 2, true}, {NULL, 0, false}, {few, 1, false}};
    scheduler_submission submission = {.texts = texts, .ids = ids, .count = 3, .done = on_done, .cookie = &o};
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_OK);
    assert_float_equal(o.first[0], 256, 0);
    assert_float_equal(o.first[1], sum_of("text"), 0);
    assert_float_equal(o.first[2], 1, 0);
    const scheduler_ids refused[] = {
        {few, 0, false}, {many, FAKE_MAX_TOKENS + 1, false}, {beyond, 1, false}, {below, 1, false}};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        ids[2] = refused[i];
        outcome_init(&o);
        assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_INVALID_ARGUMENT);
        assert_int_equal(error.text_index, 2);
    }
    scheduler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_text_that_came_out_not_finite),
        cmocka_unit_test(hands_a_failed_pass_to_all_its_requests),
        cmocka_unit_test(lets_single_texts_fail_alone_where_asked),
        cmocka_unit_test(takes_token_ids_in_the_place_of_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
