#include "server/request_spans.h"

#include "telemetry/semantic_names.h"

#include <string.h>

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

/* One request's spans in the making. */
typedef struct maker {
    tracer *tracer;
    const trace_root *root;
} maker;

typedef struct phase {
    const char *name;
    int64_t start_ns, end_ns;
    const span_attribute *attributes;
    uint32_t count;
} phase;

/* parent NULL: the request's own span. span_id: what the phase's children are below; NULL = it has none. */
static void emit(const maker *m, const uint8_t *parent, uint8_t span_id[SPAN_ID_BYTES], const phase *p)
{
    uint8_t own[SPAN_ID_BYTES];
    uint8_t *id = span_id != NULL ? span_id : own;
    tracer_span_id(m->tracer, id);
    span s = {.name = p->name,
              .kind = SPAN_INTERNAL,
              .start_ns = p->start_ns,
              .end_ns = p->end_ns,
              .attributes = p->attributes,
              .attribute_count = p->count};
    trace_root_child(m->root, id, &s);
    if (parent != NULL)
        memcpy(s.parent_id, parent, SPAN_ID_BYTES);
    tracer_emit(m->tracer, &s);
}

static void emit_validation(const maker *m, const request_spans_subject *subject)
{
    const request_facts *facts = subject->facts;
    if (facts->checked_ns != 0)
        emit(m, NULL, NULL,
             &(phase){.name = "validation",
                      .start_ns = facts->read_ns != 0 ? facts->read_ns : subject->arrived_ns,
                      .end_ns = facts->checked_ns});
}

/* Up to the first pass, or to where it was given up. */
static void emit_queue(const maker *m, const request_facts *facts)
{
    const scheduler_times *t = &facts->times;
    const int64_t left_ns = t->submitted_ns + facts->queue_ns;
    const int64_t taken_ns = t->first_pass_ns != 0 ? t->first_pass_ns : left_ns;
    uint8_t batching[SPAN_ID_BYTES];
    emit(m, NULL, batching, &(phase){.name = "batching", .start_ns = t->submitted_ns, .end_ns = taken_ns});
    emit(m, batching, NULL, &(phase){.name = "batch_wait", .start_ns = t->submitted_ns, .end_ns = left_ns});
}

static void emit_pass(const maker *m, const uint8_t *inference, const scheduler_pass_times *pass)
{
    const span_attribute device[] = {span_name(NAME_DEVICE, scheduler_level_name(pass->level))};
    const span_attribute size[] = {span_integer(NAME_PASS_TEXTS, (int64_t)pass->texts),
                                   span_integer(NAME_PASS_TOKENS, (int64_t)pass->tokens)};
    const encoder_steps *steps = &pass->steps;
    const int64_t forward_ns = steps->forward_ns != 0 ? steps->forward_ns : pass->ended_ns;
    emit(m, inference, NULL,
         &(phase){"gpu_transfer_in", pass->begun_ns, pass->gathered_ns, device, COUNT(device)});
    emit(m, inference, NULL, &(phase){"forward_pass", pass->gathered_ns, forward_ns, size, COUNT(size)});
    if (steps->forward_ns != 0) {
        emit(m, inference, NULL,
             &(phase){.name = "mean_pooling", .start_ns = steps->forward_ns, .end_ns = steps->pooled_ns});
        emit(m, inference, NULL,
             &(phase){.name = "normalize", .start_ns = steps->pooled_ns, .end_ns = steps->normalized_ns});
    }
    emit(m, inference, NULL,
         &(phase){"gpu_transfer_out", pass->ended_ns, pass->handed_ns, device, COUNT(device)});
}

static void emit_inference(const maker *m, const scheduler_times *t)
{
    uint8_t inference[SPAN_ID_BYTES];
    const span_attribute attributes[] = {span_integer(NAME_PASSES, t->passes),
                                         span_name(NAME_DEVICE, scheduler_level_name(t->last.level))};
    emit(m, NULL, inference,
         &(phase){"inference", t->first_pass_ns, t->last.handed_ns, attributes, COUNT(attributes)});
    emit_pass(m, inference, &t->last);
}

static void emit_work(const maker *m, const request_spans_subject *subject)
{
    const request_facts *facts = subject->facts;
    const scheduler_times *t = &facts->times;
    if (t->submitted_ns == 0)
        return;
    emit(m, NULL, NULL,
         &(phase){.name = "tokenize",
                  .start_ns = t->submitted_ns - facts->tokenize_ns,
                  .end_ns = t->submitted_ns});
    if (t->begun_ns != 0 || facts->queue_ns > 0)
        emit_queue(m, facts);
    if (t->passes > 0)
        emit_inference(m, t);
    if (facts->replied_ns != 0)
        emit(m, NULL, NULL,
             &(phase){.name = "result_distribution",
                      .start_ns = t->passes > 0 ? t->last.handed_ns : t->submitted_ns + facts->queue_ns,
                      .end_ns = facts->replied_ns});
}

static void add(span_attribute *attributes, uint32_t *count, span_attribute attribute)
{
    attributes[(*count)++] = attribute;
}

static void emit_whole(const maker *m, const request_spans_subject *subject)
{
    const request_facts *facts = subject->facts;
    span_attribute attributes[SPAN_MAX_ATTRIBUTES];
    uint32_t count = 0;
    add(attributes, &count, span_name(NAME_HTTP_METHOD, subject->method));
    add(attributes, &count, span_name(NAME_HTTP_ROUTE, subject->route));
    add(attributes, &count, span_name(NAME_URL_PATH, subject->route));
    add(attributes, &count, span_name(NAME_URL_SCHEME, subject->scheme));
    if (subject->status != 0)
        add(attributes, &count, span_integer(NAME_HTTP_STATUS, subject->status));
    if (subject->error != NULL)
        add(attributes, &count, span_name(NAME_ERROR_TYPE, subject->error));
    add(attributes, &count, span_text(NAME_REQUEST_ID, subject->request_id));
    add(attributes, &count, span_integer(NAME_HTTP_REQUEST_BYTES, (int64_t)subject->bytes_in));
    add(attributes, &count, span_integer(NAME_HTTP_RESPONSE_BYTES, (int64_t)subject->bytes_out));
    add(attributes, &count, span_integer(NAME_SERVER_PORT, subject->server_port));
    if (subject->client_address[0] != '\0')
        add(attributes, &count, span_text(NAME_CLIENT_ADDRESS, subject->client_address));
    if (subject->user_agent != NULL)
        add(attributes, &count, span_text(NAME_USER_AGENT, subject->user_agent));
    if (subject->client_name[0] != '\0')
        add(attributes, &count, span_text(NAME_CLIENT_NAME, subject->client_name));
    add(attributes, &count, span_name(NAME_GEN_AI_OPERATION, NAME_GEN_AI_OPERATION_EMBEDDINGS));
    add(attributes, &count, span_name(NAME_GEN_AI_PROVIDER, NAME_GEN_AI_PROVIDER_SELF));
    add(attributes, &count, span_text(NAME_GEN_AI_REQUEST_MODEL, subject->model_name));
    if (facts->texts > 0) {
        add(attributes, &count, span_text(NAME_GEN_AI_RESPONSE_MODEL, subject->model_name));
        add(attributes, &count, span_integer(NAME_GEN_AI_INPUT_TOKENS, (int64_t)facts->tokens));
        add(attributes, &count, span_integer(NAME_GEN_AI_DIMENSION, (int64_t)subject->dimension));
        add(attributes, &count, span_integer(NAME_TEXTS, (int64_t)facts->texts));
        add(attributes, &count, span_integer(NAME_TRUNCATED, (int64_t)facts->truncated));
    }
    /* A client's mistake is no error of the server: OpenTelemetry leaves the status of 4xx unset. */
    const bool at_fault = subject->status >= 500 || subject->status == 0 || !subject->whole;
    span whole = {.name = "embedding_request",
                  .kind = SPAN_SERVER,
                  .start_ns = subject->arrived_ns,
                  .end_ns = subject->ended_ns,
                  .status = at_fault ? SPAN_ERROR : SPAN_UNSET,
                  .trace_state = subject->trace_state,
                  .message = at_fault ? subject->error : NULL,
                  .attributes = attributes,
                  .attribute_count = count};
    trace_root_span(m->root, &whole);
    tracer_emit(m->tracer, &whole);
}

void request_spans_emit(tracer *t, const request_spans_subject *subject)
{
    const maker m = {t, subject->trace};
    emit_validation(&m, subject);
    emit_work(&m, subject);
    emit_whole(&m, subject);
}
