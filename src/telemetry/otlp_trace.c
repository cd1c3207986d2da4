#include "telemetry/otlp_message.h"

#include "telemetry/otlp.pb-c.h"

#include <string.h>

/* Span.flags: bits 0 to 7 are those of traceparent; bit 8 says that bit 9 says whether the parent is remote. */
#define FLAG_KNOWS_REMOTE 0x100U
#define FLAG_REMOTE 0x200U

static bool has_parent(const span *s)
{
    static const uint8_t none[SPAN_ID_BYTES];
    return memcmp(s->parent_id, none, sizeof none) != 0;
}

static void set_status(arena *a, Otlp__Span *out, const span *s)
{
    if (s->status == SPAN_UNSET || (out->status = arena_zalloc(a, 1, sizeof *out->status)) == NULL)
        return;
    otlp__status__init(out->status);
    out->status->code = s->status;
    if (s->status == SPAN_ERROR && s->message != NULL)
        out->status->message = (char *)s->message;
}

static void fill(arena *a, Otlp__Span *out, const span *s, int64_t wall_offset_ns)
{
    otlp__span__init(out);
    out->trace_id = (ProtobufCBinaryData){TRACE_ID_BYTES, (uint8_t *)s->trace_id};
    out->span_id = (ProtobufCBinaryData){SPAN_ID_BYTES, (uint8_t *)s->span_id};
    if (has_parent(s))
        out->parent_span_id = (ProtobufCBinaryData){SPAN_ID_BYTES, (uint8_t *)s->parent_id};
    if (s->trace_state != NULL)
        out->trace_state = (char *)s->trace_state;
    out->name = (char *)s->name;
    out->kind = s->kind;
    out->start_time_unix_nano = (uint64_t)(s->start_ns + wall_offset_ns);
    out->end_time_unix_nano = (uint64_t)(s->end_ns + wall_offset_ns);
    out->attributes = otlp_attributes(a, s->attributes, s->attribute_count);
    out->n_attributes = out->attributes != NULL ? s->attribute_count : 0;
    out->dropped_attributes_count = s->dropped_attributes;
    out->flags = TRACE_SAMPLED | (s->random_trace ? TRACE_RANDOM : 0U) | FLAG_KNOWS_REMOTE |
                 (s->remote_parent ? FLAG_REMOTE : 0);
    set_status(a, out, s);
}

bool otlp_trace_encode(const resource *from, const span *const *spans, size_t count, int64_t wall_offset_ns,
                       buf *out)
{
    arena a = {0};
    Otlp__Span *filled = arena_zalloc(&a, count, sizeof *filled);
    Otlp__Span **pointers = arena_zalloc(&a, count, sizeof *pointers);
    for (size_t i = 0; i < count && !a.failed; i++) {
        fill(&a, &filled[i], spans[i], wall_offset_ns);
        pointers[i] = &filled[i];
    }
    Otlp__ScopeSpans scope = OTLP__SCOPE_SPANS__INIT, *scopes[] = {&scope};
    Otlp__ResourceSpans of_resource = OTLP__RESOURCE_SPANS__INIT, *resources[] = {&of_resource};
    Otlp__ExportTraceServiceRequest request = OTLP__EXPORT_TRACE_SERVICE_REQUEST__INIT;
    scope.scope = otlp_scope(&a);
    scope.n_spans = count;
    scope.spans = pointers;
    of_resource.resource = otlp_resource(&a, from);
    of_resource.n_scope_spans = 1;
    of_resource.scope_spans = scopes;
    request.n_resource_spans = 1;
    request.resource_spans = resources;
    const bool packed = !a.failed && otlp_pack(&request, out);
    arena_free(&a);
    return packed;
}
