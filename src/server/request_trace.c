#include "server/exchange.h"

#include "base/memory.h"
#include "server/request_spans.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* The caller's trace, as the headers have it. */
typedef struct caller {
    const char *parent; /* NULL = none */
    unsigned parents;
    tracestate_reader state;
} caller;

/* False: the trace begins here. Two parents are as good as none. */
static bool read_caller(const exchange *x, trace_context *context)
{
    if (!x->owner->settings.joins_traces || exchange_header(x, "traceparent") == NULL)
        return false;
    const http_request *request = &x->stream->request;
    caller c = {0};
    tracestate_begin(&c.state);
    for (size_t i = 0; i < request->count; i++) {
        const char *name = http_field_name(request, i), *value = http_field_value(request, i);
        if (strcasecmp(name, "traceparent") == 0) {
            c.parent = value;
            c.parents++;
        } else if (strcasecmp(name, "tracestate") == 0) {
            tracestate_add(&c.state, value);
        }
    }
    if (c.parents != 1 || !trace_context_parse(context, c.parent))
        return false;
    tracestate_finish(&c.state, context);
    return true;
}

void request_trace_begin(exchange *x)
{
    if (!metric_route_embeds(x->kind) && x->kind != METRIC_ROUTE_GRPC_EMBED_STREAM)
        return;
    trace_context context;
    const bool called = read_caller(x, &context);
    tracer_begin(x->owner->settings.tracer, called ? &context : NULL, &x->trace);
    if (x->trace.sampled && called && context.state[0] != '\0')
        x->trace_state = mem_copy_string(context.state); /* NULL: the span does without */
    if (x->failed)
        x->facts.checked_ns = request_trace_now(x);
}

int64_t request_trace_now(const exchange *x)
{
    return x->trace.sampled ? clock_monotonic_ns() : 0;
}

/* In static storage; what is not a method of HTTP becomes what the conventions say. */
static const char *method_name(const char *method)
{
    static const char *const known[] = {"POST",    "GET",   "HEAD",  "PUT",    "DELETE",
                                        "OPTIONS", "PATCH", "TRACE", "CONNECT"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(method, known[i]) == 0)
            return known[i];
    return "_OTHER";
}

static void write_address(const exchange *x, char *out, size_t room)
{
    out[0] = '\0';
    const struct sockaddr *address = http_stream_address(x->stream);
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, out, (socklen_t)room);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, out, (socklen_t)room);
}

void request_trace_replied(exchange *x)
{
    x->facts.replied_ns = request_trace_now(x);
}

void request_trace_end(exchange *x, bool whole)
{
    if (x->trace.sampled) {
        char address[INET6_ADDRSTRLEN];
        const encoder *enc = exchange_encoder(x);
        write_address(x, address, sizeof address);
        const request_spans_subject subject = {
            .facts = &x->facts,
            .trace = &x->trace,
            .trace_state = x->trace_state,
            .arrived_ns = x->arrived_ns,
            .ended_ns = x->ended_ns,
            .method = method_name(x->method),
            .route = x->route != NULL ? x->route->path : metric_route_name(x->kind),
            .scheme = x->owner->tls != NULL ? "https" : "http",
            .server_port = x->owner->port,
            .client_address = address,
            .user_agent = exchange_header(x, "user-agent"),
            .request_id = x->request_id,
            .client_name = x->client_name,
            .model_name = exchange_model_name(x),
            .dimension = enc != NULL ? encoder_dimension(enc) : 0,
            .status = x->status,
            .error = !whole && !x->failed ? http_error_name(HTTP_ERROR_CLIENT_GONE)
                     : x->failed          ? http_error_name(x->error.code)
                                          : NULL,
            .whole = whole,
            .bytes_in = x->body_seen,
            .bytes_out = x->reply_held + x->reply_told,
        };
        request_spans_emit(x->owner->settings.tracer, &subject);
    }
    mem_free(x->trace_state);
    x->trace_state = NULL;
}
