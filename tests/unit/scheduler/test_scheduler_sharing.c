/* Results that several texts share: equal texts of a request, of a pass, and the cache. */
#include "scheduler/rig.h"

static scheduler *open_cached(size_t cache_bytes)
{
    fake_init(&enc);
    scheduler_settings settings = {.workers = 1,
                                   .max_queue_requests = 100,
                                   .max_queue_tokens = 10000,
                                   .max_queue_bytes = 1 << 20,
                                   .cache_bytes = cache_bytes};
    scheduler *s = NULL;
    aki_error error;
    assert_int_equal(scheduler_open(&s, &enc, &settings, &error), AKI_OK);
    return s;
}

static scheduler_stats stats_of(scheduler *s)
{
    scheduler_stats stats;
    scheduler_read_stats(s, &stats);
    return stats;
}

static void computes_equal_texts_of_a_request_once(void **state)
{
    (void)state;
    scheduler *s = open_cached(0);
    const char *texts[] = {"one", "two", "one", "three", "two", "one"};
    outcome o;
    outcome_init(&o);
    aki_error error;
    assert_int_equal(submit(s, texts, 6, 0, &o, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_OK);
    for (size_t i = 0; i < 6; i++) {
        assert_float_equal(o.first[i], sum_of(texts[i]), 0);
        assert_int_equal(o.tokens[i], strlen(texts[i]));
    }
    assert_int_equal(enc.pass_tokens[0], 11);
    assert_int_equal(stats_of(s).equal_texts, 3);
    assert_int_equal(stats_of(s).computed_texts, 3);
    scheduler_close(s);
}

static void lets_equal_texts_fail_alike(void **state)
{
    (void)state;
    scheduler *s = open_cached(0);
    aki_text texts[] = {text_of("!bad"), text_of("good"), text_of("!bad")};
    outcome o;
    outcome_init(&o);
    aki_error error;
    scheduler_submission submission = {
        .texts = texts, .count = 3, .on_error_item = true, .done = on_done, .cookie = &o};
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_OK);
    assert_int_equal(o.item_errors, 2);
    assert_int_equal(o.items[0].index, 0);
    assert_int_equal(o.items[1].index, 2);
    assert_int_equal(o.items[1].status, AKI_NOT_FINITE);
    assert_float_equal(o.first[2], 0, 0);
    assert_float_equal(o.first[1], sum_of("good"), 0);
    scheduler_close(s);
}

static void computes_equal_texts_of_a_pass_once(void **state)
{
    (void)state;
    scheduler *s = open_cached(0);
    outcome first, a, b, c;
    fake_close_gate(&enc);
    submit_one(s, "first", &first);
    fake_wait_entered(&enc, 1);
    submit_one(s, "same", &a);
    submit_one(s, "same", &b);
    submit_one(s, "other", &c);
    fake_open_gate(&enc);
    outcome_wait(&first);
    outcome_wait(&a);
    outcome_wait(&b);
    outcome_wait(&c);
    assert_float_equal(a.first[0], sum_of("same"), 0);
    assert_float_equal(b.first[0], sum_of("same"), 0);
    assert_int_equal(enc.pass_tokens[1], 9);
    assert_string_equal(enc.pass_texts[1], "so");
    assert_int_equal(stats_of(s).equal_texts, 1);
    scheduler_close(s);
}

static void answers_from_the_cache_without_a_pass(void **state)
{
    (void)state;
    scheduler *s = open_cached(100000);
    outcome o;
    submit_one(s, "a text", &o);
    outcome_wait(&o);
    assert_int_equal(enc.passes, 1);
    outcome_init(&o);
    aki_error error;
    const char *texts[] = {"a text", "a text"};
    assert_int_equal(submit(s, texts, 2, 0, &o, &error), AKI_OK);
    assert_int_equal(o.calls, 1); /* within the submission */
    assert_int_equal(o.status, AKI_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_float_equal(o.first[i], sum_of("a text"), 0);
        assert_int_equal(o.tokens[i], 6);
    }
    outcome_wait(&o);
    const char *mixed[] = {"new", "a text"};
    outcome_init(&o);
    assert_int_equal(submit(s, mixed, 2, 0, &o, &error), AKI_OK);
    outcome_wait(&o);
    assert_float_equal(o.first[0], sum_of("new"), 0);
    assert_float_equal(o.first[1], sum_of("a text"), 0);
    assert_int_equal(enc.passes, 2);
    assert_int_equal(enc.pass_tokens[1], 3);
    scheduler_stats stats = stats_of(s);
    assert_int_equal(stats.cache.hits, 2);
    assert_int_equal(stats.cache.misses, 2);
    assert_int_equal(stats.cache.entries, 2);
    assert_int_equal(stats.uncomputed, 1);
    scheduler_close(s);
}

static void keeps_neither_failures_nor_what_was_asked_otherwise(void **state)
{
    (void)state;
    scheduler *s = open_cached(100000);
    outcome o;
    submit_one(s, "!bad", &o);
    outcome_wait(&o);
    submit_one(s, "!bad", &o);
    outcome_wait(&o);
    assert_int_equal(o.status, AKI_NOT_FINITE);
    assert_int_equal(enc.passes, 2);
    submit_one(s, "good", &o);
    outcome_wait(&o);
    aki_text text = text_of("good");
    aki_error error;
    outcome_init(&o);
    scheduler_submission submission = {
        .texts = &text, .count = 1, .options = {.pooling = AKI_POOLING_CLS}, .done = on_done, .cookie = &o};
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_OK);
    outcome_wait(&o);
    assert_int_equal(enc.passes, 4);
    char long_text[61];
    memset(long_text, 'x', 60);
    long_text[60] = '\0';
    submit_one(s, long_text, &o);
    outcome_wait(&o);
    text = text_of(long_text);
    submission.options = (aki_embed_options){.refuse_long = true};
    assert_int_equal(scheduler_submit(s, &submission, &o.request, &error), AKI_TEXT_TOO_LONG);
    scheduler_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_equal_texts_of_a_request_once),
        cmocka_unit_test(lets_equal_texts_fail_alike),
        cmocka_unit_test(computes_equal_texts_of_a_pass_once),
        cmocka_unit_test(answers_from_the_cache_without_a_pass),
        cmocka_unit_test(keeps_neither_failures_nor_what_was_asked_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
