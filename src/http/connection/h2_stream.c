#include "http/connection/h2_stream.h"

#include "base/clock.h"
#include "base/memory.h"

void h2_session_set_timer(http_connection *c)
{
    const h2_session *s = h2_session_of(c);
    if (s->lingers)
        return;
    int64_t due_ns = TIMER_WHEEL_NEVER;
    if (s->first == NULL)
        due_ns = c->idle_since_ns +
                 (c->requests > 0 ? c->rules->idle_timeout_ms : c->rules->header_timeout_ms) * NS_PER_MS;
    for (const h2_stream *h = s->first; h != NULL; h = h->next)
        if (h->due_ns < due_ns)
            due_ns = h->due_ns;
    http_connection_set_deadline(c, due_ns);
}

void h2_stream_set_due(h2_stream *h, int64_t due_ns)
{
    h->due_ns = due_ns;
    h2_session_set_timer(h->stream.connection);
}

h2_stream *h2_stream_open(http_connection *c, int32_t id, const connection_stream_ways *ways)
{
    h2_session *s = h2_session_of(c);
    h2_stream *h = mem_zalloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    connection_stream_init(&h->stream, c, ways);
    h->id = id;
    h->stream.face.request.version = HTTP_VERSION_2;
    h->stream.face.request.fields = h->fields;
    h->stream.face.request.text = "";
    buf_init(&h->text, 2 * c->rules->max_header_bytes + HTTP_MAX_TARGET_BYTES);
    h->next = s->first;
    h->in_list = &s->first;
    if (s->first != NULL)
        s->first->in_list = &h->next;
    s->first = h;
    c->requests++;
    h2_stream_set_due(h, http_connection_head_deadline_ns(c));
    return h;
}

void h2_stream_end(h2_stream *h, bool whole)
{
    http_connection *c = h->stream.connection;
    h2_session *s = h2_session_of(c);
    if (h->streaming)
        connection_stream_tell_end(&h->stream, whole);
    *h->in_list = h->next;
    if (h->next != NULL)
        h->next->in_list = h->in_list;
    s->orphans -= h->orphan;
    connection_stream_destroy(&h->stream);
    buf_free(&h->text);
    buf_free(&h->pieces);
    mem_free(h);
    if (s->first == NULL)
        c->idle_since_ns = clock_monotonic_ns();
    h2_session_set_timer(c);
}

void h2_stream_lose(h2_stream *h)
{
    h2_session *s = h2_session_of(h->stream.connection);
    if (h->streaming && (h->completed || h->began) && !h->replied) {
        s->orphans += !h->orphan;
        h->orphan = true;
        h->due_ns = TIMER_WHEEL_NEVER;
        connection_stream_note_end(&h->stream);
    } else {
        h2_stream_end(h, h->sent_all);
    }
}

void h2_stream_complete(h2_stream *h, const http_fault *fault)
{
    if (h->completed || h->replied)
        return;
    h->completed = true;
    if (!h->began)
        h2_stream_set_due(h, TIMER_WHEEL_NEVER);
    connection_stream_tell_complete(&h->stream, fault);
}
