#include "unit.h"

#include "server/request_spans.h"

#define MAX_SPANS 32

/* What was exported, in the order of emission. */
static struct {
    span spans[MAX_SPANS];
    span_attribute attributes[MAX_SPANS][SPAN_MAX_ATTRIBUTES];
    char texts[MAX_SPANS][SPAN_MAX_ATTRIBUTES][64];
    size_t count;
} got;

static export_result take(void *cookie, const span *const *spans, size_t count, int64_t wall_offset_ns,
                          int64_t deadline_ns)
{
    (void)cookie;
    (void)wall_offset_ns;
    (void)deadline_ns;
    for (size_t i = 0; i < count; i++) {
        assert_true(got.count < MAX_SPANS);
        const size_t at = got.count++;
        got.spans[at] = *spans[i];
        for (size_t a = 0; a < spans[i]->attribute_count; a++) {
            got.attributes[at][a] = spans[i]->attributes[a];
            if (spans[i]->attributes[a].type == SPAN_TEXT)
                snprintf(got.texts[at][a], sizeof got.texts[at][a], "%.*s",
                         (int)spans[i]->attributes[a].length, spans[i]->attributes[a].text);
        }
    }
    return (export_result){.exported = count};
}

static trace_root root;

static void emit(request_spans_subject *subject)
{
    tracer_settings settings;
    tracer_settings_init(&settings);
    settings.exporter = (span_exporter){.export = take};
    tracer *t = NULL;
    aki_error error;
    got.count = 0;
    assert_int_equal(tracer_open(&t, &settings, &error), AKI_OK);
    tracer_begin(t, NULL, &root);
    assert_true(root.sampled);
    subject->trace = &root;
    request_spans_emit(t, subject);
    tracer_close(t, 60000);
}

static size_t index_of(const char *name)
{
    for (size_t i = 0; i < got.count; i++)
        if (strcmp(got.spans[i].name, name) == 0)
            return i;
    return MAX_SPANS;
}

static void assert_span(const char *name, const char *parent, int64_t start_ns, int64_t end_ns)
{
    const size_t at = index_of(name);
    assert_true(at < MAX_SPANS);
    const span *s = &got.spans[at];
    assert_int_equal(s->start_ns, start_ns);
    assert_int_equal(s->end_ns, end_ns);
    assert_memory_equal(s->trace_id, root.trace_id, TRACE_ID_BYTES);
    if (parent != NULL)
        assert_memory_equal(s->parent_id, got.spans[index_of(parent)].span_id, SPAN_ID_BYTES);
}

static const span_attribute *attribute(const char *name, const char *key)
{
    const size_t at = index_of(name);
    for (size_t a = 0; a < got.spans[at].attribute_count; a++)
        if (strcmp(got.attributes[at][a].key, key) == 0)
            return &got.attributes[at][a];
    return NULL;
}

static const request_facts whole_facts = {
    .texts = 3,
    .tokens = 30,
    .truncated = 1,
    .tokenize_ns = 5,
    .queue_ns = 10,
    .inference_ns = 60,
    .read_ns = 110,
    .checked_ns = 115,
    .replied_ns = 210,
    .times = {.submitted_ns = 120,
              .begun_ns = 130,
              .first_pass_ns = 131,
              .passes = 2,
              .last = {.begun_ns = 150,
                       .gathered_ns = 151,
                       .steps = {180, 185, 187},
                       .ended_ns = 190,
                       .handed_ns = 195,
                       .texts = 2,
                       .tokens = 20,
                       .level = SCHEDULER_LEVEL_CPU}},
};

static request_spans_subject subject_of(const request_facts *facts)
{
    return (request_spans_subject){.facts = facts,
                                   .arrived_ns = 100,
                                   .ended_ns = 220,
                                   .method = "POST",
                                   .route = "/api/v1/embed",
                                   .scheme = "http",
                                   .server_port = 8080,
                                   .client_address = "127.0.0.1",
                                   .user_agent = "test/1",
                                   .request_id = "r",
                                   .client_name = "",
                                   .model_name = "m",
                                   .dimension = 384,
                                   .status = 200,
                                   .whole = true};
}

static void the_whole_tree(void **state)
{
    (void)state;
    request_spans_subject subject = subject_of(&whole_facts);
    emit(&subject);
    assert_int_equal(got.count, 12);
    assert_span("embedding_request", NULL, 100, 220);
    assert_span("validation", "embedding_request", 110, 115);
    assert_span("tokenize", "embedding_request", 115, 120);
    assert_span("batching", "embedding_request", 120, 131);
    assert_span("batch_wait", "batching", 120, 130);
    assert_span("inference", "embedding_request", 131, 195);
    assert_span("gpu_transfer_in", "inference", 150, 151);
    assert_span("forward_pass", "inference", 151, 180);
    assert_span("mean_pooling", "inference", 180, 185);
    assert_span("normalize", "inference", 185, 187);
    assert_span("gpu_transfer_out", "inference", 190, 195);
    assert_span("result_distribution", "embedding_request", 195, 210);

    const span *whole = &got.spans[index_of("embedding_request")];
    assert_memory_equal(whole->span_id, root.span_id, SPAN_ID_BYTES);
    assert_int_equal(whole->kind, SPAN_SERVER);
    assert_int_equal(whole->status, SPAN_UNSET);
    assert_int_equal(attribute("embedding_request", "http.response.status_code")->integer, 200);
    assert_int_equal(attribute("embedding_request", "gen_ai.usage.input_tokens")->integer, 30);
    assert_string_equal(attribute("embedding_request", "gen_ai.operation.name")->text, "embeddings");
    assert_int_equal(attribute("embedding_request", "akidb.texts.truncated")->integer, 1);
    assert_null(attribute("embedding_request", "error.type"));
    assert_null(attribute("embedding_request", "akidb.client.name"));
    assert_int_equal(attribute("inference", "akidb.passes")->integer, 2);
    assert_int_equal(attribute("forward_pass", "akidb.pass.tokens")->integer, 20);
    assert_string_equal(attribute("gpu_transfer_in", "akidb.device")->text, "cpu");
}

static void a_request_with_everything_known_keeps_all_attributes(void **state)
{
    (void)state;
    request_spans_subject subject = subject_of(&whole_facts);
    subject.client_name = "indexer";
    subject.status = 500;
    subject.error = "internal_error";
    emit(&subject);
    const size_t at = index_of("embedding_request");
    assert_int_equal(got.spans[at].dropped_attributes, 0);
    assert_int_equal(got.spans[at].status, SPAN_ERROR);
    assert_string_equal(attribute("embedding_request", "error.type")->text, "internal_error");
    assert_non_null(attribute("embedding_request", "akidb.texts.truncated"));
}

static void one_that_failed_at_its_headers_was_only_checked(void **state)
{
    (void)state;
    const request_facts facts = {.checked_ns = 104, .replied_ns = 105};
    request_spans_subject subject = subject_of(&facts);
    subject.status = 415;
    subject.error = "unsupported_media_type";
    emit(&subject);
    assert_int_equal(got.count, 2);
    assert_span("validation", "embedding_request", 100, 104);
    assert_int_equal(got.spans[index_of("embedding_request")].status, SPAN_UNSET); /* the client's fault */
    assert_non_null(attribute("embedding_request", "error.type"));
}

static void one_that_expired_in_the_queue_has_no_inference(void **state)
{
    (void)state;
    request_facts facts = whole_facts;
    facts.times.begun_ns = facts.times.first_pass_ns = 0;
    facts.times.passes = 0;
    request_spans_subject subject = subject_of(&facts);
    subject.status = 504;
    subject.error = "deadline_exceeded";
    emit(&subject);
    assert_int_equal(got.count, 6);
    assert_span("batching", "embedding_request", 120, 130);
    assert_span("batch_wait", "batching", 120, 130);
    assert_span("result_distribution", "embedding_request", 130, 210);
    assert_int_equal(got.spans[index_of("embedding_request")].status, SPAN_ERROR);
}

static void one_that_came_from_the_cache_never_queued(void **state)
{
    (void)state;
    request_facts facts = whole_facts;
    facts.times = (scheduler_times){.submitted_ns = 120};
    facts.queue_ns = 0;
    request_spans_subject subject = subject_of(&facts);
    emit(&subject);
    assert_int_equal(got.count, 4);
    assert_span("tokenize", "embedding_request", 115, 120);
    assert_span("result_distribution", "embedding_request", 120, 210);
}

static void a_device_that_tells_no_steps_has_a_forward_pass_only(void **state)
{
    (void)state;
    request_facts facts = whole_facts;
    facts.times.last.steps = (encoder_steps){0};
    request_spans_subject subject = subject_of(&facts);
    emit(&subject);
    assert_int_equal(got.count, 10);
    assert_span("forward_pass", "inference", 151, 190);
}

static void a_client_that_left_is_an_error_without_a_status(void **state)
{
    (void)state;
    const request_facts facts = {0};
    request_spans_subject subject = subject_of(&facts);
    subject.status = 0;
    subject.error = "client_closed_request";
    subject.whole = false;
    emit(&subject);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.spans[0].status, SPAN_ERROR);
    assert_null(attribute("embedding_request", "http.response.status_code"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_tree),
        cmocka_unit_test(a_request_with_everything_known_keeps_all_attributes),
        cmocka_unit_test(one_that_failed_at_its_headers_was_only_checked),
        cmocka_unit_test(one_that_expired_in_the_queue_has_no_inference),
        cmocka_unit_test(one_that_came_from_the_cache_never_queued),
        cmocka_unit_test(a_device_that_tells_no_steps_has_a_forward_pass_only),
        cmocka_unit_test(a_client_that_left_is_an_error_without_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
