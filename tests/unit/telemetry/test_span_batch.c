#include "unit.h"

#include "telemetry/tracer.h"

static void takes_up_to_its_size(void **state)
{
    (void)state;
    span_ring ring;
    span_batch batch;
    assert_true(span_ring_open(&ring, 10, 4, 64));
    assert_true(span_batch_open(&batch, 4));
    for (int64_t i = 0; i < 6; i++)
        assert_true(span_ring_put(&ring, &(span){.name = "s", .start_ns = i}));
    span_batch_take(&batch, &ring);
    assert_int_equal(batch.count, 4);
    assert_int_equal(span_ring_waiting(&ring), 2);
    span_batch_finish(&batch);
    for (int64_t i = 0; i < 4; i++)
        assert_int_equal(batch.spans[i]->start_ns, i);
    span_batch_clear(&batch);
    span_batch_take(&batch, &ring);
    span_batch_finish(&batch);
    assert_int_equal(batch.count, 2);
    assert_int_equal(batch.spans[1]->start_ns, 5);
    span_batch_close(&batch);
    span_ring_close(&ring);
}

static void leaves_spans_that_do_not_fit_for_the_next_one(void **state)
{
    (void)state;
    span_ring ring;
    span_batch batch;
    static char text[SPAN_TEXT_MAX + 1];
    span_attribute attributes[SPAN_MAX_ATTRIBUTES];
    memset(text, 't', SPAN_TEXT_MAX);
    for (size_t i = 0; i < SPAN_MAX_ATTRIBUTES; i++)
        attributes[i] = span_text("key", text);
    const span large = {.name = "s", .attributes = attributes, .attribute_count = SPAN_MAX_ATTRIBUTES};
    assert_true(span_ring_open(&ring, 100, SPAN_MAX_ATTRIBUTES, SPAN_TEXT_MAX));
    assert_true(span_batch_open(&batch, 100));
    size_t put = 0, taken = 0;
    while (span_ring_put(&ring, &large))
        put++;
    while (taken < put) {
        span_batch_clear(&batch);
        span_batch_take(&batch, &ring);
        span_batch_finish(&batch);
        assert_true(batch.count > 0);
        for (size_t i = 0; i < batch.count; i++)
            assert_string_equal(batch.spans[i]->attributes[SPAN_MAX_ATTRIBUTES - 1].text, text);
        taken += batch.count;
    }
    assert_int_equal(taken, put);
    span_batch_close(&batch);
    span_ring_close(&ring);
}

static void makes_texts_valid(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"fine \xc3\xa9", "fine \xc3\xa9"}, {"\xff", "?"}, {"a\xc3", "a?"}, {"\x80\x80z", "??z"}, {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        span_ring ring;
        span_batch batch;
        const span_attribute attribute = span_text("key", rows[i][0]);
        const span s = {.name = "s", .message = rows[i][0], .attributes = &attribute, .attribute_count = 1};
        assert_true(span_ring_open(&ring, 4, 4, 64));
        assert_true(span_batch_open(&batch, 4));
        assert_true(span_ring_put(&ring, &s));
        span_batch_take(&batch, &ring);
        span_batch_finish(&batch);
        assert_string_equal(batch.spans[0]->attributes[0].text, rows[i][1]);
        assert_string_equal(batch.spans[0]->message, rows[i][1]);
        span_batch_close(&batch);
        span_ring_close(&ring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_up_to_its_size),
        cmocka_unit_test(leaves_spans_that_do_not_fit_for_the_next_one),
        cmocka_unit_test(makes_texts_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
