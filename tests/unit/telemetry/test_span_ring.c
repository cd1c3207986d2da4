#include "unit.h"

#include "base/thread.h"
#include "telemetry/span_ring.h"
#include "telemetry/tracer.h"

#include <sched.h>

static void keeps_all_that_a_span_says(void **state)
{
    (void)state;
    span_ring ring;
    span_batch batch;
    char text[] = "copied", state_text[] = "vendor=1", message[] = "out of luck";
    assert_true(span_ring_open(&ring, 16, SPAN_MAX_ATTRIBUTES, SPAN_TEXT_MAX));
    assert_true(span_batch_open(&batch, 16));
    const span_attribute attributes[] = {span_text("a", text),    span_name("b", "static"),
                                         span_integer("c", -7),   span_real("d", 0.5),
                                         span_boolean("e", true), span_text("f", NULL)};
    span s = {.name = "root",
              .trace_id = {1},
              .span_id = {2},
              .parent_id = {3},
              .start_ns = 4,
              .end_ns = 5,
              .kind = SPAN_SERVER,
              .status = SPAN_ERROR,
              .remote_parent = true,
              .trace_state = state_text,
              .message = message,
              .attributes = attributes,
              .attribute_count = 6};
    assert_true(span_ring_put(&ring, &s));
    memset(text, 'x', strlen(text));
    memset(state_text, 'x', strlen(state_text));
    memset(message, 'x', strlen(message));
    span_batch_take(&batch, &ring);
    span_batch_finish(&batch);
    assert_int_equal(batch.count, 1);
    const span *got = batch.spans[0];
    assert_string_equal(got->name, "root");
    assert_memory_equal(got->trace_id, s.trace_id, TRACE_ID_BYTES);
    assert_memory_equal(got->span_id, s.span_id, SPAN_ID_BYTES);
    assert_memory_equal(got->parent_id, s.parent_id, SPAN_ID_BYTES);
    assert_int_equal(got->start_ns, 4);
    assert_int_equal(got->end_ns, 5);
    assert_int_equal(got->kind, SPAN_SERVER);
    assert_int_equal(got->status, SPAN_ERROR);
    assert_true(got->remote_parent);
    assert_string_equal(got->trace_state, "vendor=1");
    assert_string_equal(got->message, "out of luck");
    assert_int_equal(got->attribute_count, 6);
    assert_string_equal(got->attributes[0].key, "a");
    assert_string_equal(got->attributes[0].text, "copied");
    assert_int_equal(got->attributes[0].length, 6);
    assert_string_equal(got->attributes[1].text, "static");
    assert_int_equal(got->attributes[2].integer, -7);
    assert_true(got->attributes[3].real == 0.5);
    assert_true(got->attributes[4].boolean);
    assert_string_equal(got->attributes[5].text, "");
    span_batch_close(&batch);
    span_ring_close(&ring);
}

static void cuts_at_its_limits(void **state)
{
    (void)state;
    span_ring ring;
    span_batch batch;
    assert_true(span_ring_open(&ring, 16, 2, 5));
    assert_true(span_batch_open(&batch, 16));
    /* The limit of five bytes falls into the second of the letters of two bytes. */
    const span_attribute attributes[] = {span_text("a", "abcd\xc3\xa9"), span_text("b", "abcde"),
                                         span_integer("c", 1)};
    const span s = {.name = "s", .attributes = attributes, .attribute_count = 3};
    assert_true(span_ring_put(&ring, &s));
    span_batch_take(&batch, &ring);
    span_batch_finish(&batch);
    assert_int_equal(batch.spans[0]->attribute_count, 2);
    assert_int_equal(batch.spans[0]->dropped_attributes, 1);
    assert_string_equal(batch.spans[0]->attributes[0].text, "abcd");
    assert_string_equal(batch.spans[0]->attributes[1].text, "abcde");
    assert_null(batch.spans[0]->trace_state);
    assert_null(batch.spans[0]->message);
    span_batch_close(&batch);
    span_ring_close(&ring);
}

static void drops_and_counts_when_full(void **state)
{
    (void)state;
    span_ring ring;
    const span s = {.name = "s"};
    assert_true(span_ring_open(&ring, 3, 4, 4));
    for (int i = 0; i < 5; i++)
        assert_int_equal(span_ring_put(&ring, &s), i < 3);
    assert_int_equal(ring.dropped, 2);
    assert_int_equal(span_ring_waiting(&ring), 3);
    assert_non_null(span_ring_peek(&ring));
    span_ring_pop(&ring);
    assert_true(span_ring_put(&ring, &s));
    assert_false(span_ring_put(&ring, &s));
    span_ring_close(&ring);
}

static void drops_when_large_spans_fill_its_bytes(void **state)
{
    (void)state;
    span_ring ring;
    char text[SPAN_TEXT_MAX + 1];
    memset(text, 't', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    span_attribute attributes[SPAN_MAX_ATTRIBUTES];
    for (size_t i = 0; i < SPAN_MAX_ATTRIBUTES; i++)
        attributes[i] = span_text("key", text);
    const span s = {.name = "s", .attributes = attributes, .attribute_count = SPAN_MAX_ATTRIBUTES};
    assert_true(span_ring_open(&ring, 100, SPAN_MAX_ATTRIBUTES, SPAN_TEXT_MAX));
    size_t put = 0;
    while (span_ring_put(&ring, &s))
        put++;
    assert_in_range(put, 5, 20);
    for (size_t i = 0; i < 1000; i++) { /* again and again over the end */
        assert_non_null(span_ring_peek(&ring));
        span_ring_pop(&ring);
        while (span_ring_put(&ring, &s))
            ;
    }
    span_ring_close(&ring);
}

#define STREAM 50000

static void *write_stream(void *argument)
{
    span_ring *ring = argument;
    for (int64_t i = 0; i < STREAM; i++) {
        char text[40];
        snprintf(text, sizeof text, "%.*s", (int)(i % 30), "abcdefghijklmnopqrstuvwxyz0123456789");
        const span_attribute attribute = span_text("text", text);
        const span s = {
            .name = "s", .start_ns = i, .end_ns = 2 * i, .attributes = &attribute, .attribute_count = 1};
        while (!span_ring_put(ring, &s))
            sched_yield();
    }
    return NULL;
}

static void hands_every_span_over_in_order(void **state)
{
    (void)state;
    span_ring ring;
    span_batch batch;
    pthread_t writer;
    assert_true(span_ring_open(&ring, 2000, 4, 64));
    assert_true(span_batch_open(&batch, 64));
    assert_true(thread_start(&writer, write_stream, &ring, "writer"));
    for (int64_t next = 0; next < STREAM;) {
        span_batch_clear(&batch);
        span_batch_take(&batch, &ring);
        span_batch_finish(&batch);
        if (batch.count == 0)
            sched_yield();
        for (size_t i = 0; i < batch.count; i++, next++) {
            assert_int_equal(batch.spans[i]->start_ns, next);
            assert_int_equal(batch.spans[i]->end_ns, 2 * next);
            assert_int_equal(strlen(batch.spans[i]->attributes[0].text), next % 30);
        }
    }
    pthread_join(writer, NULL);
    assert_null(span_ring_peek(&ring));
    span_batch_close(&batch);
    span_ring_close(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_all_that_a_span_says),
        cmocka_unit_test(cuts_at_its_limits),
        cmocka_unit_test(drops_and_counts_when_full),
        cmocka_unit_test(drops_when_large_spans_fill_its_bytes),
        cmocka_unit_test(hands_every_span_over_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
