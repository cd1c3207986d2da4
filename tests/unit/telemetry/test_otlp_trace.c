/* What a message says of spans that lack something; its bytes as a whole are tests/integration/test_otlp_golden.py's. */
#include "unit.h"

#include "telemetry/otlp.pb-c.h"
#include "telemetry/otlp_message.h"

#define ROOM ((size_t)1 << 20)

static Otlp__ExportTraceServiceRequest *encoded(const span *const *spans, size_t count, int64_t offset_ns)
{
    buf out;
    buf_init(&out, ROOM);
    assert_true(otlp_trace_encode(&(resource){0}, spans, count, offset_ns, &out));
    Otlp__ExportTraceServiceRequest *read =
        otlp__export_trace_service_request__unpack(NULL, out.length, (const uint8_t *)out.data);
    assert_non_null(read);
    assert_int_equal(read->n_resource_spans, 1);
    assert_int_equal(read->resource_spans[0]->n_scope_spans, 1);
    assert_string_equal(read->resource_spans[0]->scope_spans[0]->scope->name, "akidb-embed");
    buf_free(&out);
    return read;
}

static Otlp__Span *only_span(const Otlp__ExportTraceServiceRequest *read)
{
    assert_int_equal(read->resource_spans[0]->scope_spans[0]->n_spans, 1);
    return read->resource_spans[0]->scope_spans[0]->spans[0];
}

static void a_span_with_nothing_but_ids_and_times(void **state)
{
    (void)state;
    const span s = {.name = "s", .trace_id = {1}, .span_id = {2}, .start_ns = 10, .end_ns = 30},
               *list[] = {&s};
    Otlp__ExportTraceServiceRequest *read = encoded(list, 1, 1000);
    const Otlp__Span *got = only_span(read);
    assert_string_equal(got->name, "s");
    assert_int_equal(got->trace_id.len, TRACE_ID_BYTES);
    assert_int_equal(got->trace_id.data[0], 1);
    assert_int_equal(got->span_id.len, SPAN_ID_BYTES);
    assert_int_equal(got->parent_span_id.len, 0);
    assert_int_equal(got->start_time_unix_nano, 1010);
    assert_int_equal(got->end_time_unix_nano, 1030);
    assert_string_equal(got->trace_state, "");
    assert_int_equal(got->n_attributes, 0);
    assert_null(got->status);
    assert_int_equal(got->flags, 0x101); /* sampled; the parent is known not to be remote */
    otlp__export_trace_service_request__free_unpacked(read, NULL);
}

static void a_parent_may_end_in_its_last_byte(void **state)
{
    (void)state;
    const span s = {.name = "s",
                    .parent_id = {[SPAN_ID_BYTES - 1] = 9},
                    .random_trace = true,
                    .remote_parent = true},
               *list[] = {&s};
    Otlp__ExportTraceServiceRequest *read = encoded(list, 1, 0);
    const Otlp__Span *got = only_span(read);
    assert_int_equal(got->parent_span_id.len, SPAN_ID_BYTES);
    assert_int_equal(got->parent_span_id.data[SPAN_ID_BYTES - 1], 9);
    assert_int_equal(got->flags, 0x303);
    otlp__export_trace_service_request__free_unpacked(read, NULL);
}

/* The protocol knows a description of errors only. */
static void only_an_error_has_a_message(void **state)
{
    (void)state;
    static const struct {
        span_status status;
        const char *message, *expected; /* NULL = no status at all */
    } rows[] = {{SPAN_UNSET, "words", NULL},
                {SPAN_OK, "words", ""},
                {SPAN_ERROR, "words", "words"},
                {SPAN_ERROR, NULL, ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const span s = {.name = "s", .status = rows[i].status, .message = rows[i].message}, *list[] = {&s};
        Otlp__ExportTraceServiceRequest *read = encoded(list, 1, 0);
        const Otlp__Span *got = only_span(read);
        assert_int_equal(got->status != NULL, rows[i].expected != NULL);
        if (got->status != NULL) {
            assert_int_equal(got->status->code, rows[i].status);
            assert_string_equal(got->status->message, rows[i].expected);
        }
        otlp__export_trace_service_request__free_unpacked(read, NULL);
    }
}

static void spans_keep_their_order_and_there_may_be_none(void **state)
{
    (void)state;
    const span a = {.name = "a"}, b = {.name = "b"}, *const list[] = {&a, &b, &a};
    static const char *const names[] = {"a", "b", "a"};
    for (size_t count = 0; count <= 3; count++) {
        Otlp__ExportTraceServiceRequest *read = encoded(list, count, 0);
        const Otlp__ScopeSpans *scope = read->resource_spans[0]->scope_spans[0];
        assert_int_equal(scope->n_spans, count);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(scope->spans[i]->name, names[i]);
        otlp__export_trace_service_request__free_unpacked(read, NULL);
    }
}

static void what_does_not_fit_is_not_begun(void **state)
{
    (void)state;
    const span s = {.name = "a span with a name"}, *list[] = {&s};
    buf out;
    buf_init(&out, 16);
    assert_false(otlp_trace_encode(&(resource){0}, list, 1, 0, &out));
    assert_int_equal(out.length, 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_with_nothing_but_ids_and_times),
        cmocka_unit_test(a_parent_may_end_in_its_last_byte),
        cmocka_unit_test(only_an_error_has_a_message),
        cmocka_unit_test(spans_keep_their_order_and_there_may_be_none),
        cmocka_unit_test(what_does_not_fit_is_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
