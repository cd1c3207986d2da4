#include "http/connection/h2.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/host_header.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_STREAMS 100
/* Cancelled by the client while their handler is at work. */
#define MAX_ORPHANS 100
#define WINDOW_BYTES (1 << 18)
/* Frames that bring nothing: so many at once, and so many a second on the average. */
#define IDLE_FRAMES 500
#define IDLE_FRAMES_A_SECOND 100
/* Written in one piece, and at most kept while the client does not read. */
#define OUT_BYTES ((size_t)16 << 10)
#define MAX_OUT_BYTES ((size_t)64 << 10)
#define MOST_STEPS 32
/* After the last word, for the client to read it. */
#define LINGER_NS (2 * NS_PER_S)
#define LINGER_BYTES ((size_t)16 << 20)
#define MAX_REPLY_FIELDS 64
#define MAX_NAME_BYTES 64
/* As a line of HTTP/1 has around name and value. */
#define FIELD_REST_BYTES 4

typedef struct h2_stream h2_stream;

typedef struct h2_session {
    nghttp2_session *library;
    h2_stream *first;
    size_t streams, orphans;
    buf out; /* to be written; `sent` bytes of it have been */
    size_t sent;
    int64_t idle_frames_ns; /* when the count below was last worn off */
    int64_t idle_frames;
    size_t lingered; /* bytes read away behind the last word */
    bool lingers;    /* nothing is written any more, and what comes is read away */
    bool ended;      /* nothing is read or written any more */
    bool noticed;    /* the client was told that the service ends */
} h2_session;

struct h2_stream {
    connection_stream stream;
    h2_stream *next, **in_list;
    int32_t id;
    buf text;
    http_field fields[HTTP_MAX_FIELDS + 1]; /* and Host, made of :authority */
    http_fault fault;
    uint32_t authority; /* offset, counted from 1 */
    size_t head_bytes;
    int64_t due_ns;
    bool streaming; /* the handler knows of it */
    bool whole;     /* the client has ended it */
    bool completed, replied, sent_all, orphan, expects;
    size_t body_sent;
};

static const connection_stream_ways ways;

static h2_stream *stream_of(connection_stream *stream)
{
    return (h2_stream *)stream;
}

static h2_session *session_of(const http_connection *c)
{
    return c->session;
}

bool h2_is_preface(const char *data, size_t length)
{
    return memcmp(data, NGHTTP2_CLIENT_MAGIC, length < H2_PREFACE_BYTES ? length : H2_PREFACE_BYTES) == 0;
}

/* ---- Deadlines ------------------------------------------------------------------------------------------------- */

static void set_timer(http_connection *c)
{
    const h2_session *s = session_of(c);
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

static void set_due(h2_stream *h, int64_t due_ns)
{
    h->due_ns = due_ns;
    set_timer(h->stream.connection);
}

/* ---- Streams --------------------------------------------------------------------------------------------------- */

static h2_stream *open_stream(http_connection *c, int32_t id)
{
    h2_session *s = session_of(c);
    h2_stream *h = mem_zalloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    connection_stream_init(&h->stream, c, &ways);
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
    s->streams++;
    c->requests++;
    set_due(h, http_connection_head_deadline_ns(c));
    return h;
}

/* The handler hears of the end, and the stream is freed. */
static void end_stream(h2_stream *h, bool whole)
{
    http_connection *c = h->stream.connection;
    h2_session *s = session_of(c);
    if (h->streaming)
        connection_stream_tell_end(&h->stream, whole);
    *h->in_list = h->next;
    if (h->next != NULL)
        h->next->in_list = h->in_list;
    s->streams--;
    s->orphans -= h->orphan;
    connection_stream_destroy(&h->stream);
    buf_free(&h->text);
    mem_free(h);
    if (s->first == NULL)
        c->idle_since_ns = clock_monotonic_ns();
    set_timer(c);
}

/* The client does not want the reply any more, or cannot get it. */
static void lose_stream(h2_stream *h)
{
    h2_session *s = session_of(h->stream.connection);
    if (h->streaming && h->completed && !h->replied) {
        s->orphans += !h->orphan;
        h->orphan = true;
        h->due_ns = TIMER_WHEEL_NEVER;
        connection_stream_note_end(&h->stream);
    } else {
        end_stream(h, h->sent_all);
    }
}

/* ---- Heads ----------------------------------------------------------------------------------------------------- */

static uint32_t append_text(h2_stream *h, const uint8_t *bytes, size_t length)
{
    const uint32_t at = (uint32_t)h->text.length;
    if (!buf_append(&h->text, bytes, length) || !buf_append_char(&h->text, '\0'))
        return UINT32_MAX;
    h->stream.face.request.text = h->text.data;
    return at;
}

static bool is_name(const uint8_t *name, size_t length, const char *wanted)
{
    return strlen(wanted) == length && memcmp(name, wanted, length) == 0;
}

static void refuse(h2_stream *h, http_fault_kind kind, const char *message)
{
    (void)http_fault_set(&h->fault, kind, "%s", message);
}

static void take_pseudo(h2_stream *h, const uint8_t *name, size_t length, uint32_t value)
{
    if (is_name(name, length, ":method"))
        h->stream.face.request.method = value + 1;
    else if (is_name(name, length, ":path"))
        h->stream.face.request.target = value + 1;
    else if (is_name(name, length, ":authority"))
        h->authority = value + 1;
}

static void take_field(h2_stream *h, const uint8_t *name, size_t name_bytes, uint32_t value)
{
    http_request *request = &h->stream.face.request;
    if (request->count == HTTP_MAX_FIELDS) {
        (void)http_fault_set(&h->fault, HTTP_FAULT_HEAD_TOO_LARGE,
                             "the request has more headers than the %d taken", HTTP_MAX_FIELDS);
        return;
    }
    const uint32_t at = append_text(h, name, name_bytes);
    if (at != UINT32_MAX)
        h->fields[request->count++] = (http_field){at, value};
}

static int on_header(nghttp2_session *library, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_bytes, const uint8_t *value, size_t value_bytes, uint8_t flags, void *cookie)
{
    (void)flags;
    h2_stream *h = nghttp2_session_get_stream_user_data(library, frame->hd.stream_id);
    const http_connection *c = cookie;
    if (h == NULL || h->streaming)
        return 0; /* trailers are dropped */
    h->head_bytes += name_bytes + value_bytes + FIELD_REST_BYTES;
    if (h->head_bytes > c->rules->max_header_bytes)
        (void)http_fault_set(&h->fault, HTTP_FAULT_HEAD_TOO_LARGE,
                             "the request's headers have more than the %zu bytes taken",
                             c->rules->max_header_bytes);
    if (h->fault.kind != HTTP_FAULT_NONE)
        return 0;
    const uint32_t at = append_text(h, value, value_bytes);
    if (at == UINT32_MAX)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (name_bytes > 0 && name[0] == ':')
        take_pseudo(h, name, name_bytes, at);
    else
        take_field(h, name, name_bytes, at);
    return h->text.failed ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

/* Refuses the request; without this callback the library would drop the header and go on. */
static int on_invalid_header(nghttp2_session *library, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                             nghttp2_rcbuf *value, uint8_t flags, void *cookie)
{
    (void)name;
    (void)value;
    (void)flags;
    (void)cookie;
    h2_stream *h = nghttp2_session_get_stream_user_data(library, frame->hd.stream_id);
    if (h != NULL)
        refuse(h, HTTP_FAULT_MALFORMED, "a header's name or value holds a character that it cannot have");
    return 0;
}

static int on_begin_headers(nghttp2_session *library, const nghttp2_frame *frame, void *cookie)
{
    http_connection *c = cookie;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    h2_stream *h = open_stream(c, frame->hd.stream_id);
    if (h == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    (void)nghttp2_session_set_stream_user_data(library, frame->hd.stream_id, h);
    return 0;
}

static void check_target(h2_stream *h)
{
    const char *target = http_request_target(&h->stream.face.request);
    if (strcmp(http_request_method(&h->stream.face.request), "CONNECT") == 0)
        refuse(h, HTTP_FAULT_NOT_IMPLEMENTED, "this is no proxy: CONNECT is not taken");
    else if (strlen(target) > HTTP_MAX_TARGET_BYTES)
        (void)http_fault_set(&h->fault, HTTP_FAULT_TARGET_TOO_LONG,
                             "the request's target has more than the %d bytes taken", HTTP_MAX_TARGET_BYTES);
    else if (target[0] != '/' && strcmp(target, "*") != 0)
        refuse(h, HTTP_FAULT_MALFORMED, "the request's path must begin with a slash");
    for (const char *at = target; *at != '\0'; at++)
        if (*at <= ' ' || *at == 0x7F || *at == '#')
            refuse(h, HTTP_FAULT_MALFORMED, "the request's path holds a character that must be escaped");
}

/* :authority stands for Host, which must be the same where both are there. */
static void check_host(h2_stream *h)
{
    http_request *request = &h->stream.face.request;
    const char *host = http_request_header(request, "host");
    if (h->authority == 0 && host == NULL) {
        refuse(h, HTTP_FAULT_MALFORMED, "neither :authority nor Host is there");
        return;
    }
    const char *authority = h->authority > 0 ? request->text + h->authority - 1 : host;
    if (host != NULL && strcasecmp(host, authority) != 0)
        refuse(h, HTTP_FAULT_MALFORMED, ":authority and Host are not the same");
    else if (!host_header_valid(authority))
        refuse(h, HTTP_FAULT_MALFORMED, "the host must be a name or an address, and a port where need be");
    if (host != NULL || h->fault.kind != HTTP_FAULT_NONE)
        return;
    const uint32_t name = append_text(h, (const uint8_t *)"host", 4);
    if (name != UINT32_MAX)
        h->fields[request->count++] = (http_field){name, h->authority - 1};
}

static void look_at_body(h2_stream *h, bool ends)
{
    http_request *request = &h->stream.face.request;
    const char *length = http_request_header(request, "content-length");
    const char *expect = http_request_header(request, "expect");
    request->announced = length != NULL || ends;
    request->chunked = !request->announced; /* its length shows at its end */
    for (const char *at = length;
         at != NULL && *at >= '0' && *at <= '9' && request->body_bytes < UINT64_MAX / 20; at++)
        request->body_bytes = request->body_bytes * 10 + (uint64_t)(*at - '0');
    h->expects = !ends && expect != NULL && strcasecmp(expect, "100-continue") == 0;
}

static void complete(h2_stream *h, const http_fault *fault)
{
    if (h->completed || h->replied)
        return;
    h->completed = true;
    set_due(h, TIMER_WHEEL_NEVER);
    connection_stream_tell_complete(&h->stream, fault);
}

static void take_head(h2_session *s, h2_stream *h, bool ends)
{
    static const nghttp2_nv leave[] = {
        {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "100", 7, 3, NGHTTP2_NV_FLAG_NONE}};
    http_request *request = &h->stream.face.request;
    request->head_bytes = h->head_bytes;
    if (h->fault.kind == HTTP_FAULT_NONE) {
        check_target(h);
        check_host(h);
        look_at_body(h, ends);
    }
    const http_fault *fault = h->fault.kind != HTTP_FAULT_NONE ? &h->fault : NULL;
    const int32_t id = h->id;
    h->streaming = true;
    connection_stream_tell_head(&h->stream, fault);
    if (nghttp2_session_get_stream_user_data(s->library, id) != h || h->replied)
        return;
    if (ends || fault != NULL)
        complete(h, fault);
    else if (h->expects)
        (void)nghttp2_submit_headers(s->library, NGHTTP2_FLAG_NONE, id, NULL, leave, 1, NULL);
}

/* ---- Frames ---------------------------------------------------------------------------------------------------- */

/* False: it has sent too many of them. */
static bool spend_idle_frame(h2_session *s)
{
    const int64_t now_ns = clock_monotonic_ns(),
                  worn = (now_ns - s->idle_frames_ns) / (NS_PER_S / IDLE_FRAMES_A_SECOND);
    if (worn > 0) {
        s->idle_frames = s->idle_frames > worn ? s->idle_frames - worn : 0;
        s->idle_frames_ns = now_ns;
    }
    return ++s->idle_frames <= IDLE_FRAMES;
}

static bool brings_nothing(const nghttp2_frame *frame)
{
    switch (frame->hd.type) {
    case NGHTTP2_SETTINGS:
    case NGHTTP2_PING:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_PRIORITY:
        return true;
    case NGHTTP2_DATA:
        return frame->hd.length == 0 && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0;
    default:
        return false;
    }
}

static int on_frame(nghttp2_session *library, const nghttp2_frame *frame, void *cookie)
{
    http_connection *c = cookie;
    h2_session *s = session_of(c);
    if ((brings_nothing(frame) && !spend_idle_frame(s)) || s->orphans > MAX_ORPHANS)
        return nghttp2_session_terminate_session(library, NGHTTP2_ENHANCE_YOUR_CALM) == 0
                   ? 0
                   : NGHTTP2_ERR_CALLBACK_FAILURE;
    h2_stream *h = nghttp2_session_get_stream_user_data(library, frame->hd.stream_id);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (h == NULL)
        return 0;
    h->whole = h->whole || (ends && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA));
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        take_head(s, h, ends);
    else if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) && ends)
        complete(h, NULL);
    return 0;
}

static int on_data(nghttp2_session *library, uint8_t flags, int32_t id, const uint8_t *data, size_t length,
                   void *cookie)
{
    (void)flags;
    (void)cookie;
    h2_stream *h = nghttp2_session_get_stream_user_data(library, id);
    if (h != NULL && !h->replied && !h->completed && length > 0)
        connection_stream_tell_body(&h->stream, (const char *)data, length);
    return 0;
}

static int on_stream_close(nghttp2_session *library, int32_t id, uint32_t code, void *cookie)
{
    (void)code;
    (void)cookie;
    h2_stream *h = nghttp2_session_get_stream_user_data(library, id);
    if (h != NULL)
        lose_stream(h);
    return 0;
}

/* ---- Replies --------------------------------------------------------------------------------------------------- */

static ssize_t read_body(nghttp2_session *library, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *cookie)
{
    (void)library;
    (void)id;
    (void)cookie;
    h2_stream *h = source->ptr;
    const http_reply *answer = &h->stream.answer;
    const char *body = answer->body != NULL ? answer->body : h->stream.handler->out_of_memory;
    const size_t left = answer->body_bytes - h->body_sent, bytes = left < room ? left : room;
    memcpy(out, body + h->body_sent, bytes);
    h->body_sent += bytes;
    if (bytes == left)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)bytes;
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

/* False: no reply can be had. */
static bool submit(h2_session *s, h2_stream *h)
{
    char names[MAX_REPLY_FIELDS * MAX_NAME_BYTES], *to = names, status[12], length[24];
    nghttp2_nv pairs[MAX_REPLY_FIELDS + 3];
    http_reply *answer = &h->stream.answer;
    const char *at = NULL, *name, *value;
    size_t count = 0;
    http_connection *c = h->stream.connection;
    snprintf(status, sizeof status, "%u", answer->status);
    pairs[count++] = pair(":status", status);
    pairs[count++] = pair("date", http_date_text(&c->loop->date, clock_wall_ns()));
    while (count < MAX_REPLY_FIELDS && http_reply_next(answer, &at, &name, &value))
        if (strlen(name) < MAX_NAME_BYTES)
            pairs[count++] = pair(lower(name, &to), value);
    snprintf(length, sizeof length, "%zu", answer->body_bytes);
    if (answer->status != 204)
        pairs[count++] = pair("content-length", length);
    const bool empty =
        answer->body_bytes == 0 || strcmp(http_request_method(&h->stream.face.request), "HEAD") == 0;
    const nghttp2_data_provider body = {.source.ptr = h, .read_callback = read_body};
    return nghttp2_submit_response(s->library, h->id, pairs, count, empty ? NULL : &body) == 0;
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
    h2_session *s = session_of(c);
    if (h->orphan || s->ended || s->lingers) {
        h->replied = true;
        end_stream(h, false);
        return;
    }
    if (stream->answer.status == 0)
        make_last_resort(h);
    h->replied = true;
    set_due(h, clock_monotonic_ns() + c->rules->write_timeout_ms * NS_PER_MS);
    if (!submit(s, h))
        (void)nghttp2_session_terminate_session(s->library, NGHTTP2_INTERNAL_ERROR);
}

static void abort_stream(connection_stream *stream)
{
    h2_stream *h = stream_of(stream);
    h2_session *s = session_of(stream->connection);
    h->replied = true; /* so that nothing more of it is told */
    (void)nghttp2_submit_rst_stream(s->library, NGHTTP2_FLAG_NONE, h->id, NGHTTP2_CANCEL);
}

static void set_deadline(connection_stream *stream, int64_t due_ns)
{
    set_due(stream_of(stream), due_ns);
}

static const connection_stream_ways ways = {
    .reply = reply, .abort = abort_stream, .set_deadline = set_deadline};

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

/* ---- The connection -------------------------------------------------------------------------------------------- */

static void lose_streams(h2_session *s)
{
    for (h2_stream *h = s->first, *next; h != NULL; h = next) {
        next = h->next;
        lose_stream(h);
    }
}

/* Nothing works any more. Streams whose handler is at work keep the connection until it has answered. */
static void end_session(http_connection *c)
{
    h2_session *s = session_of(c);
    s->ended = true;
    c->readable = c->writable = false;
    lose_streams(s);
    if (s->first == NULL)
        http_connection_close(c);
}

typedef enum step { STEP_AGAIN, STEP_WAIT } step;

/* Makes more output. False = no memory. */
static bool fill(h2_session *s)
{
    if (s->sent == s->out.length) {
        s->sent = 0;
        buf_clear(&s->out);
    }
    while (s->out.length < OUT_BYTES) {
        const uint8_t *data;
        const ssize_t bytes = nghttp2_session_mem_send(s->library, &data);
        if (bytes < 0 || (bytes > 0 && !buf_append(&s->out, data, (size_t)bytes)))
            return false;
        if (bytes == 0)
            return true;
    }
    return true;
}

/* STEP_WAIT: the client does not take more, or the connection has ended. */
static step write_out(http_connection *c)
{
    h2_session *s = session_of(c);
    for (;;) {
        if (!fill(s)) {
            end_session(c);
            return STEP_WAIT;
        }
        if (s->sent == s->out.length) {
            buf_free(&s->out);
            s->sent = 0;
            return STEP_AGAIN;
        }
        if (!c->writable)
            return STEP_WAIT;
        const link_piece pieces[] = {{s->out.data + s->sent, s->out.length - s->sent}, {NULL, 0}};
        const ssize_t sent = link_write(&c->link, pieces);
        if (sent == LINK_BROKEN) {
            end_session(c);
            return STEP_WAIT;
        }
        if (sent == LINK_AGAIN)
            c->writable = false;
        else
            s->sent += (size_t)sent;
    }
}

static bool read_bytes(http_connection *c, const char *data, size_t length)
{
    return nghttp2_session_mem_recv(session_of(c)->library, (const uint8_t *)data, length) >= 0;
}

/* Closing a connection with unread bytes would reset it, and the last word would be lost. */
static step read_away(http_connection *c, h2_session *s)
{
    if (!c->readable)
        return STEP_WAIT;
    const ssize_t got = link_read(&c->link, c->loop->scratch, LOOP_SCRATCH_BYTES);
    s->lingered += got > 0 ? (size_t)got : 0;
    if (got > 0 && s->lingered < LINGER_BYTES)
        return STEP_AGAIN;
    c->readable = false;
    if (got != LINK_AGAIN)
        end_session(c);
    return STEP_WAIT;
}

static step take_step(http_connection *c)
{
    h2_session *s = session_of(c);
    if (s->ended) {
        if (s->first == NULL)
            http_connection_close(c);
        return STEP_WAIT;
    }
    if (s->lingers)
        return read_away(c, s);
    if (write_out(c) == STEP_WAIT)
        return STEP_WAIT;
    if (!nghttp2_session_want_read(s->library) && !nghttp2_session_want_write(s->library)) {
        link_end_writing(&c->link);
        s->lingers = true;
        lose_streams(s);
        http_connection_set_deadline(c, clock_monotonic_ns() + LINGER_NS);
        return STEP_AGAIN;
    }
    if (!c->readable)
        return STEP_WAIT;
    const ssize_t got = link_read(&c->link, c->loop->scratch, LOOP_SCRATCH_BYTES);
    if (got == LINK_AGAIN) {
        c->readable = false;
        return STEP_WAIT;
    }
    if (got <= 0 || !read_bytes(c, c->loop->scratch, (size_t)got)) {
        end_session(c);
        return STEP_WAIT;
    }
    return STEP_AGAIN;
}

static void advance(http_connection *c)
{
    for (unsigned i = 0; i < MOST_STEPS; i++)
        if (c->closed || take_step(c) == STEP_WAIT)
            return;
    http_connection_defer(c);
}

static void late(http_connection *c)
{
    h2_session *s = session_of(c);
    const int64_t now_ns = clock_monotonic_ns();
    if (s->lingers) {
        end_session(c);
        return;
    }
    if (s->first == NULL) {
        http_connection_end_idle(c);
        if (!c->closed)
            set_timer(c);
        return;
    }
    if (s->out.length > s->sent) { /* the client takes nothing, not even an end */
        end_session(c);
        return;
    }
    for (h2_stream *h = s->first; h != NULL; h = h->next)
        if (h->due_ns <= now_ns) {
            h->due_ns = TIMER_WHEEL_NEVER;
            (void)nghttp2_submit_rst_stream(s->library, NGHTTP2_FLAG_NONE, h->id, NGHTTP2_CANCEL);
        }
    set_timer(c);
    http_connection_advance(c);
}

static void peer_ended(http_connection *c)
{
    for (h2_stream *h = session_of(c)->first; h != NULL; h = h->next)
        connection_stream_note_end(&h->stream);
}

static bool is_idle(const http_connection *c)
{
    return session_of(c)->first == NULL && !session_of(c)->lingers;
}

static void hurry(http_connection *c)
{
    h2_session *s = session_of(c);
    if (!s->noticed && !s->ended)
        (void)nghttp2_submit_shutdown_notice(s->library);
    s->noticed = true;
    http_connection_defer(c);
}

/* The last word: which streams were taken. */
static void leave(http_connection *c)
{
    h2_session *s = session_of(c);
    if (!s->ended && nghttp2_session_terminate_session(s->library, NGHTTP2_NO_ERROR) == 0)
        (void)write_out(c);
}

static void close_session(http_connection *c)
{
    h2_session *s = session_of(c);
    s->ended = true;
    while (s->first != NULL)
        end_stream(s->first, false);
    nghttp2_session_del(s->library);
    buf_free(&s->out);
    mem_free(s);
    c->session = NULL;
}

const http_protocol h2_protocol = {.advance = advance,
                                   .late = late,
                                   .peer_ended = peer_ended,
                                   .is_idle = is_idle,
                                   .is_spare = is_idle,
                                   .hurry = hurry,
                                   .leave = leave,
                                   .close = close_session};

static bool open_library(http_connection *c, h2_session *s)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)c->rules->max_header_bytes},
    };
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return false;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    const bool made = nghttp2_session_server_new(&s->library, callbacks, c) == 0;
    nghttp2_session_callbacks_del(callbacks);
    return made &&
           nghttp2_submit_settings(s->library, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof *settings) == 0 &&
           nghttp2_session_set_local_window_size(s->library, NGHTTP2_FLAG_NONE, 0, 4 * WINDOW_BYTES) == 0;
}

bool h2_begin(http_connection *c, const char *data, size_t length)
{
    h2_session *s = mem_zalloc(1, sizeof *s);
    if (s == NULL)
        return false;
    buf_init(&s->out, MAX_OUT_BYTES);
    s->idle_frames_ns = clock_monotonic_ns();
    if (!open_library(c, s)) {
        nghttp2_session_del(s->library);
        mem_free(s);
        return false;
    }
    c->session = s;
    c->protocol = &h2_protocol;
    c->requests = 0;
    if (length > 0 && !read_bytes(c, data, length))
        end_session(c);
    return true;
}
