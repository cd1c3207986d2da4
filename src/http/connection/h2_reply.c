/* Replies that leave by HTTP/2: a head and the body's bytes, which the library asks for as the client's windows open. A stream that
 * has its whole reply while its request is still coming is reset without an error, so that the client sends no more of it.
 *
 * Trailers, where there are any, follow the body. The body of a reply in pieces ends when its handler says so; while there is no
 * piece the library is told to wait. */
#include "http/connection/h2_stream.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

#define MAX_REPLY_FIELDS 64
#define MAX_NAME_BYTES 64

static h2_stream *stream_of(connection_stream *stream)
{
    return (h2_stream *)stream;
}

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NONE};
}

/* Names as HTTP/2 has them, in lower case, one behind the other in `names`. */
static const char *lower(const char *name, char **names)
{
    char *begin = *names;
    for (; *name != '\0'; name++)
        *(*names)++ = *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name;
    *(*names)++ = '\0';
    return begin;
}

/* A list of fields in the library's form. */
typedef struct field_list {
    nghttp2_nv pairs[MAX_REPLY_FIELDS + 3];
    size_t count;
    char names[MAX_REPLY_FIELDS * MAX_NAME_BYTES], *to;
} field_list;

static void add_field(field_list *list, const char *name, const char *value)
{
    if (list->count < MAX_REPLY_FIELDS && strlen(name) < MAX_NAME_BYTES)
        list->pairs[list->count++] = pair(lower(name, &list->to), value);
}

/* Marks the end of the body, and has the trailers sent behind it. False = no memory. */
static bool end_body(nghttp2_session *library, h2_stream *h, uint32_t *flags)
{
    const char *at = NULL, *name, *value;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (h->stream.answer.trailers.length == 0)
        return true;
    field_list list = {.count = 0};
    list.to = list.names;
    while (http_reply_next_trailer(&h->stream.answer, &at, &name, &value))
        add_field(&list, name, value);
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return nghttp2_submit_trailer(library, h->id, list.pairs, list.count) == 0;
}

static ssize_t read_body(nghttp2_session *library, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *cookie)
{
    (void)id;
    (void)cookie;
    h2_stream *h = source->ptr;
    const http_reply *answer = &h->stream.answer;
    const char *body = answer->body != NULL ? answer->body : h->stream.handler->out_of_memory;
    const size_t left = answer->body_bytes - h->body_sent, bytes = left < room ? left : room;
    if (bytes > 0)
        memcpy(out, body + h->body_sent, bytes);
    h->body_sent += bytes;
    if (bytes == left && !end_body(library, h, flags))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return (ssize_t)bytes;
}

/* All pieces were sent. */
static void note_drained(h2_stream *h)
{
    h->body_sent = 0;
    buf_free(&h->pieces);
    if (h->replied)
        return;
    h2_stream_set_due(h, TIMER_WHEEL_NEVER);
    connection_stream_tell_drained(&h->stream);
}

static ssize_t read_pieces(nghttp2_session *library, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                           nghttp2_data_source *source, void *cookie)
{
    (void)id;
    (void)cookie;
    h2_stream *h = source->ptr;
    const size_t left = h->pieces.length - h->body_sent, bytes = left < room ? left : room;
    if (bytes == 0 && !h->replied)
        return NGHTTP2_ERR_DEFERRED;
    if (bytes > 0)
        memcpy(out, h->pieces.data + h->body_sent, bytes);
    h->body_sent += bytes;
    if (bytes == left && bytes > 0)
        note_drained(h);
    if (bytes == left && h->replied && !end_body(library, h, flags))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return (ssize_t)bytes;
}

/* False: no reply can be had. */
static bool submit(h2_session *s, h2_stream *h)
{
    char status[12], length[24];
    http_reply *answer = &h->stream.answer;
    const char *at = NULL, *name, *value;
    http_connection *c = h->stream.connection;
    field_list list = {.count = 0};
    list.to = list.names;
    snprintf(status, sizeof status, "%u", answer->status);
    list.pairs[list.count++] = pair(":status", status);
    list.pairs[list.count++] = pair("date", http_date_text(&c->loop->date, clock_wall_ns()));
    while (http_reply_next(answer, &at, &name, &value))
        add_field(&list, name, value);
    snprintf(length, sizeof length, "%zu", answer->body_bytes);
    if (!http_reply_is_bare(answer) && !h->began &&
        answer->trailers.length == 0) /* some clients stop reading there */
        list.pairs[list.count++] = pair("content-length", length);
    const bool empty = (answer->body_bytes == 0 && answer->trailers.length == 0 && !h->began) ||
                       strcmp(http_request_method(&h->stream.face.request), "HEAD") == 0;
    const nghttp2_data_provider body = {.source.ptr = h, .read_callback = h->began ? read_pieces : read_body};
    return nghttp2_submit_response(s->library, h->id, list.pairs, list.count, empty ? NULL : &body) == 0;
}

/* In place of a reply for which there is no memory. */
static void make_last_resort(h2_stream *h)
{
    http_reply *answer = &h->stream.answer;
    http_reply_init(answer, 503);
    http_reply_add(answer, "content-type", "application/json");
    http_reply_add(answer, "retry-after", "1");
    if (answer->fields.failed)
        http_reply_free(answer);
    answer->status = 503;
    answer->body_bytes = strlen(h->stream.handler->out_of_memory);
}

static void reply(connection_stream *stream)
{
    h2_stream *h = stream_of(stream);
    http_connection *c = stream->connection;
    h2_session *s = h2_session_of(c);
    if (h->orphan || s->ended || s->lingers) {
        h->replied = true;
        h2_stream_end(h, false);
        return;
    }
    if (stream->answer.status == 0)
        make_last_resort(h);
    h->replied = true;
    h2_stream_set_due(h, clock_monotonic_ns() + c->rules->write_timeout_ms * NS_PER_MS);
    if (!submit(s, h))
        (void)nghttp2_session_terminate_session(s->library, NGHTTP2_INTERNAL_ERROR);
}

static void abort_stream(connection_stream *stream)
{
    h2_stream *h = stream_of(stream);
    h2_session *s = h2_session_of(stream->connection);
    h->replied = true; /* so that nothing more of it is told */
    (void)nghttp2_submit_rst_stream(s->library, NGHTTP2_FLAG_NONE, h->id, NGHTTP2_CANCEL);
}

static void set_deadline(connection_stream *stream, int64_t due_ns)
{
    h2_stream_set_due(stream_of(stream), due_ns);
}

/* ---- Replies in pieces ----------------------------------------------------------------------------------------- */

static bool reaches_nobody(const h2_stream *h)
{
    const h2_session *s = h2_session_of(h->stream.connection);
    return h->orphan || s->ended || s->lingers;
}

static void begin(connection_stream *stream)
{
    h2_stream *h = stream_of(stream);
    h2_session *s = h2_session_of(stream->connection);
    h->began = true;
    buf_init(&h->pieces, HTTP_STREAM_MAX_UNSENT_BYTES);
    h2_stream_set_due(h, TIMER_WHEEL_NEVER);
    if (!reaches_nobody(h) && (stream->answer.fields.failed || !submit(s, h)))
        (void)nghttp2_session_terminate_session(s->library, NGHTTP2_INTERNAL_ERROR);
}

static bool send_piece(connection_stream *stream, const char *data, size_t bytes)
{
    h2_stream *h = stream_of(stream);
    const http_connection *c = stream->connection;
    if (reaches_nobody(h) || bytes == 0)
        return true;
    const bool rests = h->body_sent == h->pieces.length;
    if (h->body_sent > h->pieces.length / 2) {
        memmove(h->pieces.data, h->pieces.data + h->body_sent, h->pieces.length - h->body_sent);
        h->pieces.length -= h->body_sent;
        h->body_sent = 0;
    }
    if (!buf_append(&h->pieces, data, bytes))
        return false;
    if (rests)
        h2_stream_set_due(h, clock_monotonic_ns() + c->rules->write_timeout_ms * NS_PER_MS);
    (void)nghttp2_session_resume_data(h2_session_of(c)->library, h->id);
    return true;
}

static size_t unsent(const connection_stream *stream)
{
    const h2_stream *h = (const h2_stream *)stream;
    return h->pieces.length - h->body_sent;
}

static void hold(connection_stream *stream, bool held)
{
    h2_stream *h = stream_of(stream);
    const size_t back = h->kept_back;
    h->held = held;
    if (held || back == 0 || reaches_nobody(h))
        return;
    h->kept_back = 0;
    (void)nghttp2_session_consume_stream(h2_session_of(stream->connection)->library, h->id, back);
}

static void finish(connection_stream *stream)
{
    h2_stream *h = stream_of(stream);
    const http_connection *c = stream->connection;
    h->replied = true;
    if (reaches_nobody(h)) {
        h2_stream_end(h, false);
        return;
    }
    h2_stream_set_due(h, clock_monotonic_ns() + c->rules->write_timeout_ms * NS_PER_MS);
    (void)nghttp2_session_resume_data(h2_session_of(c)->library, h->id);
}

const connection_stream_ways h2_reply_ways = {.reply = reply,
                                              .abort = abort_stream,
                                              .set_deadline = set_deadline,
                                              .begin = begin,
                                              .send = send_piece,
                                              .unsent = unsent,
                                              .finish = finish,
                                              .hold = hold};

static int on_frame_sent(nghttp2_session *library, const nghttp2_frame *frame, void *cookie)
{
    (void)cookie;
    h2_stream *h = nghttp2_session_get_stream_user_data(library, frame->hd.stream_id);
    const bool carries = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    if (h == NULL || !carries || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    h->sent_all = true;
    if (!h->whole) /* the rest of the request is not wanted */
        (void)nghttp2_submit_rst_stream(library, NGHTTP2_FLAG_NONE, h->id, NGHTTP2_NO_ERROR);
    return 0;
}

void h2_reply_send(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
}
