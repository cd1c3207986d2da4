#include "http/connection/h1.h"

#include "base/clock.h"
#include "base/memory.h"
#include "http/connection/h1_chunked.h"
#include "http/connection/h1_head.h"
#include "http/connection/h2.h"

#include <string.h>

/* Read into the session itself: most requests are no longer. */
#define INPUT_BYTES 2048
/* A chunked body may be read beyond its end, into the next request, which is kept. */
#define CHUNKED_READ_BYTES ((size_t)16 << 10)
#define MAX_REPLY_HEAD_BYTES ((size_t)48 << 10)
/* A body up to this size leaves with its head in one record of TLS. */
#define JOINED_BODY_BYTES ((size_t)8 << 10)
/* Steps of one connection before the others get their turn; each reads, or answers a request. */
#define MOST_STEPS 32
/* After a last reply, for the client to read it. */
#define LINGER_NS (2 * NS_PER_S)
#define LINGER_BYTES ((size_t)16 << 20)

static const char leave[] = "HTTP/1.1 100 Continue\r\n\r\n";
#define LEAVE_BYTES (sizeof leave - 1)

typedef enum h1_state { H1_HEAD, H1_BODY, H1_WORK, H1_REPLY, H1_LINGER } h1_state;

/* State of one request, from its first byte to the last of its reply. */
typedef struct h1_session {
    connection_stream stream;
    h1_state state;
    bool streaming;          /* the handler knows of the stream */
    bool replied, aborted;   /* by the handler */
    bool whole;              /* the request was read to its end */
    bool keeps;              /* the client would go on with another request */
    size_t leave_left;       /* bytes of 100 Continue to be sent */
    uint64_t body_left;      /* of an announced body */
    size_t lingered;         /* bytes read away */
    buf out;                 /* head of the reply, or all of it */
    size_t sent;             /* of the head and the body together */
    char *input;             /* [room] */
    size_t room, length, at; /* at: where what was not consumed begins */
    h1_head head;
    http_field fields[HTTP_MAX_FIELDS];
    h1_chunked chunks;
    char first_input[INPUT_BYTES];
} h1_session;

static const connection_stream_ways ways;

static http_connection *connection_of(const connection_stream *stream)
{
    return stream->connection;
}

static h1_session *session_of(connection_stream *stream)
{
    return (h1_session *)stream;
}

/* ---- Sessions -------------------------------------------------------------------------------------------------- */

static void begin_request(http_connection *c, h1_session *s)
{
    connection_stream_init(&s->stream, c, &ways);
    s->state = H1_HEAD;
    s->streaming = s->replied = s->aborted = s->whole = s->keeps = false;
    s->leave_left = s->sent = s->lingered = 0;
    s->body_left = 0;
    h1_head_begin(&s->head, c->rules->max_header_bytes, s->fields);
    if (c->requests++ > 0)
        http_connection_set_deadline(c, http_connection_head_deadline_ns(c));
}

/* False: no memory. */
static bool open_session(http_connection *c, const char *data, size_t bytes)
{
    h1_session *s = mem_alloc(1, sizeof *s);
    if (s == NULL)
        return false;
    buf_init(&s->out, MAX_REPLY_HEAD_BYTES);
    s->input = s->first_input;
    s->room = sizeof s->first_input;
    s->at = 0;
    s->length = bytes;
    memcpy(s->input, data, bytes);
    c->session = s;
    begin_request(c, s);
    return true;
}

static void end_stream(h1_session *s, bool whole)
{
    if (s->streaming)
        connection_stream_tell_end(&s->stream, whole);
    s->streaming = false;
    connection_stream_destroy(&s->stream);
}

static void release(h1_session *s)
{
    if (s->input != s->first_input)
        mem_free(s->input);
    buf_free(&s->out);
    mem_free(s);
}

static void free_session(http_connection *c, h1_session *s)
{
    release(s);
    c->session = NULL;
}

static void close_session(http_connection *c)
{
    h1_session *s = c->session;
    if (s == NULL)
        return;
    if (s->state != H1_LINGER)
        end_stream(s, false);
    free_session(c, s);
}

/* Where not even a session can be had. */
static void send_last_resort(http_connection *c)
{
    const http_connection_rules *rules = c->rules;
    (void)link_write(&c->link,
                     (const link_piece[]){{rules->last_resort, rules->last_resort_bytes}, {NULL, 0}});
    link_end_writing(&c->link);
    http_connection_close(c);
}

/* ---- Reading --------------------------------------------------------------------------------------------------- */

typedef enum step { STEP_AGAIN, STEP_WAIT } step;

/* A read brought no bytes: waits for the next event, or closes where the client has ended. */
static step without_bytes(http_connection *c, ssize_t got)
{
    c->readable = false;
    if (got != LINK_AGAIN)
        http_connection_close(c);
    return STEP_WAIT;
}

static step read_first(http_connection *c)
{
    if (!c->readable)
        return STEP_WAIT;
    const ssize_t got = link_read(&c->link, c->loop->scratch, INPUT_BYTES);
    if (got <= 0)
        return without_bytes(c, got);
    if (!open_session(c, c->loop->scratch, (size_t)got)) {
        send_last_resort(c);
        return STEP_WAIT;
    }
    return STEP_AGAIN;
}

/* Room for more of a head; its reader refuses it before it is much longer than it may be. */
static bool grow_input(h1_session *s)
{
    const size_t room = s->room * 2;
    char *grown = mem_alloc(room, 1);
    if (grown == NULL)
        return false;
    memcpy(grown, s->input, s->length);
    if (s->input != s->first_input)
        mem_free(s->input);
    s->input = grown;
    s->room = room;
    s->stream.face.request.text = grown;
    return true;
}

static step read_more(http_connection *c, h1_session *s)
{
    if (!c->readable)
        return STEP_WAIT;
    if (s->length == s->room && !grow_input(s)) {
        send_last_resort(c);
        return STEP_WAIT;
    }
    const ssize_t got = link_read(&c->link, s->input + s->length, s->room - s->length);
    if (got <= 0)
        return without_bytes(c, got);
    s->length += (size_t)got;
    return STEP_AGAIN;
}

/* After each call of the handler. True where it has replied, or has had the connection closed: then there is no session any more. */
static bool handler_is_done(http_connection *c, h1_session *s)
{
    if (s->aborted) {
        http_connection_close(c);
        return true;
    }
    if (s->replied)
        s->state = H1_REPLY;
    return s->replied;
}

static void complete(http_connection *c, h1_session *s, const http_fault *fault)
{
    s->state = H1_WORK;
    s->whole = fault == NULL;
    http_connection_set_deadline(c, TIMER_WHEEL_NEVER);
    connection_stream_tell_complete(&s->stream, fault);
    (void)handler_is_done(c, s);
}

static bool client_keeps(const h1_session *s)
{
    const bool by_default = s->stream.face.request.version != HTTP_VERSION_1_0;
    return !s->head.closes && (by_default || s->head.keeps);
}

static void take_head(http_connection *c, h1_session *s, bool faulty)
{
    http_request *request = &s->stream.face.request;
    if (faulty)
        request->announced = request->chunked = false;
    s->at = request->head_bytes;
    s->keeps = !faulty && client_keeps(s);
    s->streaming = true;
    connection_stream_tell_head(&s->stream, faulty ? &s->head.fault : NULL);
    if (handler_is_done(c, s))
        return;
    s->body_left = request->body_bytes;
    if (faulty || (!request->chunked && s->body_left == 0)) {
        complete(c, s, faulty ? &s->head.fault : NULL);
        return;
    }
    h1_chunked_begin(&s->chunks);
    s->leave_left = s->head.expects && request->version == HTTP_VERSION_1_1 ? LEAVE_BYTES : 0;
    s->state = H1_BODY;
}

/* A client that knows beforehand that HTTP/2 is spoken here begins with a text that no request of HTTP/1 begins with. */
static bool may_be_h2(const http_connection *c, const h1_session *s)
{
    return c->rules->h2c && c->requests == 1 && c->link.session == NULL && h2_is_preface(s->input, s->length);
}

static step change_to_h2(http_connection *c, h1_session *s)
{
    c->session = NULL;
    const bool begun = h2_begin(c, s->input, s->length);
    connection_stream_destroy(&s->stream);
    release(s);
    if (!begun)
        http_connection_close(c);
    return STEP_WAIT; /* of this protocol */
}

static step step_head(http_connection *c, h1_session *s)
{
    if (may_be_h2(c, s))
        return s->length < H2_PREFACE_BYTES ? read_more(c, s) : change_to_h2(c, s);
    switch (h1_head_read(&s->head, s->input, s->length, &s->stream.face.request)) {
    case H1_HEAD_MORE:
        return read_more(c, s);
    case H1_HEAD_WHOLE:
        take_head(c, s, false);
        break;
    case H1_HEAD_FAULTY:
        take_head(c, s, true);
        break;
    }
    return STEP_AGAIN;
}

/* False: it does not go on. */
static bool send_leave(http_connection *c, h1_session *s)
{
    while (s->leave_left > 0 && c->writable) {
        const link_piece pieces[] = {{leave + LEAVE_BYTES - s->leave_left, s->leave_left}, {NULL, 0}};
        const ssize_t sent = link_write(&c->link, pieces);
        if (sent == LINK_BROKEN) {
            http_connection_close(c);
            return false;
        }
        if (sent == LINK_AGAIN)
            c->writable = false;
        else
            s->leave_left -= (size_t)sent;
    }
    return true;
}

/* Hands data[0..length) on, as far as it belongs to the body. Returns how much it was. */
static size_t take_body(http_connection *c, h1_session *s, const char *data, size_t length)
{
    size_t taken = 0;
    if (!s->stream.face.request.chunked) {
        taken = length < s->body_left ? length : (size_t)s->body_left;
        s->body_left -= taken;
        connection_stream_tell_body(&s->stream, data, taken);
        if (!handler_is_done(c, s) && s->body_left == 0)
            complete(c, s, NULL);
        return taken;
    }
    while (taken < length && !c->closed && s->state == H1_BODY) {
        size_t piece, bytes;
        const char *from = data + taken;
        taken += h1_chunked_read(&s->chunks, from, length - taken, &piece, &bytes);
        if (bytes > 0) {
            connection_stream_tell_body(&s->stream, from + piece, bytes);
            (void)handler_is_done(c, s);
        } else if (s->chunks.fault.kind != HTTP_FAULT_NONE) {
            complete(c, s, &s->chunks.fault);
        } else if (s->chunks.place == H1_CHUNKED_DONE) {
            complete(c, s, NULL);
        }
    }
    return taken;
}

/* Keeps what was read beyond the body's end. */
static void keep_rest(http_connection *c, h1_session *s, const char *data, size_t bytes)
{
    if (c->closed || bytes == 0)
        return;
    while (s->room - s->length < bytes)
        if (!grow_input(s)) {
            s->keeps = false; /* the connection ends with the reply */
            return;
        }
    memcpy(s->input + s->length, data, bytes);
    s->length += bytes;
}

static step step_body(http_connection *c, h1_session *s)
{
    if (!send_leave(c, s))
        return STEP_WAIT;
    if (s->at < s->length) {
        const size_t from_input = take_body(c, s, s->input + s->at, s->length - s->at);
        if (!c->closed)
            s->at += from_input;
        return STEP_AGAIN;
    }
    if (!c->readable)
        return STEP_WAIT;
    size_t most = LOOP_SCRATCH_BYTES;
    if (s->stream.face.request.chunked)
        most = CHUNKED_READ_BYTES;
    else if (s->body_left < most)
        most = (size_t)s->body_left;
    const ssize_t got = link_read(&c->link, c->loop->scratch, most);
    if (got <= 0)
        return without_bytes(c, got);
    const char *data = c->loop->scratch;
    const size_t taken = take_body(c, s, data, (size_t)got);
    keep_rest(c, s, data + taken, (size_t)got - taken);
    return STEP_AGAIN;
}

/* ---- Replying -------------------------------------------------------------------------------------------------- */

static bool is_head_request(const h1_session *s)
{
    return strcmp(http_request_method(&s->stream.face.request), "HEAD") == 0;
}

/* Everything of a small reply, so that it leaves in one piece over TLS; else the head. */
static void write_reply(http_connection *c, h1_session *s)
{
    http_reply *answer = &s->stream.answer;
    s->keeps = s->keeps && s->whole && !answer->closes && !http_connection_is_draining(c);
    h1_connection_field field = s->keeps ? H1_CONNECTION_NONE : H1_CONNECTION_CLOSE;
    if (s->keeps && s->stream.face.request.version == HTTP_VERSION_1_0)
        field = H1_CONNECTION_KEEP;
    const char *date = http_date_text(&c->loop->date, clock_wall_ns());
    bool written = answer->status != 0 && h1_write_head(&s->out, answer, date, field);
    if (is_head_request(s) || answer->body_bytes == 0) {
        mem_free(answer->body);
        answer->body = NULL;
        answer->body_bytes = 0;
    } else if (written && c->link.session != NULL && answer->body_bytes <= JOINED_BODY_BYTES) {
        written = buf_append(&s->out, answer->body, answer->body_bytes);
        answer->body_bytes = 0;
    }
    if (written)
        return;
    http_reply_free(answer);
    buf_free(&s->out); /* which says that the last resort is sent */
    s->keeps = false;
}

/* The bytes of the reply that are still to be sent. */
static void pieces_left(const h1_session *s, const http_connection_rules *rules, link_piece pieces[2])
{
    const http_reply *answer = &s->stream.answer;
    const bool last_resort = s->out.data == NULL;
    const char *head = last_resort ? rules->last_resort : s->out.data;
    const size_t head_bytes = last_resort ? rules->last_resort_bytes : s->out.length;
    const size_t from_head = s->sent < head_bytes ? s->sent : head_bytes, from_body = s->sent - from_head;
    pieces[0] = (link_piece){head + from_head, head_bytes - from_head};
    pieces[1] =
        (link_piece){answer->body != NULL ? answer->body + from_body : NULL, answer->body_bytes - from_body};
}

/* After the last byte of a reply. */
static void go_on(http_connection *c, h1_session *s)
{
    const bool keeps = s->keeps, whole = s->whole;
    const size_t rest = s->length - s->at;
    end_stream(s, true);
    buf_clear(&s->out);
    if (!keeps) {
        s->state = H1_LINGER;
        s->lingered = 0;
        char byte;
        if (whole && rest == 0 && !c->peer_ended && link_read(&c->link, &byte, 1) == LINK_AGAIN) {
            if (c->link.session != NULL)
                link_end_writing(&c->link);
            http_connection_close(c);
            return;
        }
        link_end_writing(&c->link);
        http_connection_set_deadline(c, clock_monotonic_ns() + LINGER_NS);
        c->readable = true;
    } else if (rest > 0) {
        memmove(s->input, s->input + s->at, rest);
        s->length = rest;
        s->at = 0;
        begin_request(c, s);
    } else {
        free_session(c, s);
        c->idle_since_ns = clock_monotonic_ns();
        http_connection_set_deadline(c, c->idle_since_ns + c->rules->idle_timeout_ms * NS_PER_MS);
    }
}

static step step_reply(http_connection *c, h1_session *s)
{
    link_piece pieces[2];
    if (!send_leave(c, s) || s->leave_left > 0)
        return STEP_WAIT;
    pieces_left(s, c->rules, pieces);
    if (pieces[0].bytes + pieces[1].bytes == 0) {
        go_on(c, s);
        return STEP_AGAIN;
    }
    if (!c->writable)
        return STEP_WAIT;
    const ssize_t sent = link_write(&c->link, pieces);
    if (sent == LINK_BROKEN) {
        http_connection_close(c);
        return STEP_WAIT;
    }
    if (sent == LINK_AGAIN)
        c->writable = false;
    else
        s->sent += (size_t)sent;
    return STEP_AGAIN;
}

static step step_linger(http_connection *c, h1_session *s)
{
    if (!c->readable)
        return STEP_WAIT;
    const ssize_t got = link_read(&c->link, c->loop->scratch, LOOP_SCRATCH_BYTES);
    if (got <= 0)
        return without_bytes(c, got);
    s->lingered += (size_t)got;
    if (s->lingered > LINGER_BYTES)
        http_connection_close(c);
    return STEP_AGAIN;
}

/* ---- The connection -------------------------------------------------------------------------------------------- */

static step take_step(http_connection *c)
{
    h1_session *s = c->session;
    if (s == NULL)
        return read_first(c);
    switch (s->state) {
    case H1_HEAD:
        return step_head(c, s);
    case H1_BODY:
        return step_body(c, s);
    case H1_REPLY:
        return step_reply(c, s);
    case H1_LINGER:
        return step_linger(c, s);
    case H1_WORK:
        (void)handler_is_done(c, s);
        break;
    }
    return STEP_WAIT;
}

static void advance(http_connection *c)
{
    for (unsigned i = 0; i < MOST_STEPS; i++)
        if (c->closed || take_step(c) == STEP_WAIT) {
            if (!c->closed && c->protocol != &h1_protocol)
                http_connection_defer(c);
            return;
        }
    http_connection_defer(c);
}

static bool is_spare(const http_connection *c)
{
    const h1_session *s = c->session;
    return s == NULL || s->state == H1_HEAD || s->state == H1_LINGER;
}

static void hurry(http_connection *c)
{
    const h1_session *s = c->session;
    if (s != NULL && s->state == H1_HEAD)
        http_connection_set_deadline(c, http_connection_head_deadline_ns(c));
}

static void late(http_connection *c)
{
    if (c->session != NULL) {
        http_connection_close(c);
        return;
    }
    http_connection_end_idle(c);
    if (!c->closed)
        hurry(c);
}

static void peer_ended(http_connection *c)
{
    h1_session *s = c->session;
    if (s != NULL && s->state != H1_LINGER)
        connection_stream_note_end(&s->stream);
}

static bool is_idle(const http_connection *c)
{
    return c->session == NULL;
}

const http_protocol h1_protocol = {.advance = advance,
                                   .late = late,
                                   .peer_ended = peer_ended,
                                   .is_idle = is_idle,
                                   .is_spare = is_spare,
                                   .hurry = hurry,
                                   .close = close_session};

/* ---- The stream ------------------------------------------------------------------------------------------------ */

static void reply(connection_stream *stream)
{
    http_connection *c = connection_of(stream);
    h1_session *s = session_of(stream);
    s->replied = true;
    write_reply(c, s);
    if (s->state == H1_WORK)
        s->state = H1_REPLY;
    http_connection_set_deadline(c, clock_monotonic_ns() + c->rules->write_timeout_ms * NS_PER_MS);
}

static void abort_stream(connection_stream *stream)
{
    session_of(stream)->aborted = true;
}

static void set_deadline(connection_stream *stream, int64_t due_ns)
{
    http_connection_set_deadline(connection_of(stream), due_ns);
}

static const connection_stream_ways ways = {
    .reply = reply, .abort = abort_stream, .set_deadline = set_deadline};

#define USUAL_HEAD_BYTES 1000

bool h1_write_head(buf *out, const http_reply *reply, const char *date, h1_connection_field connection)
{
    static const char *const connections[] = {[H1_CONNECTION_NONE] = "",
                                              [H1_CONNECTION_CLOSE] = "Connection: close\r\n",
                                              [H1_CONNECTION_KEEP] = "Connection: keep-alive\r\n"};
    const char *at = NULL, *name, *value;
    if (buf_reserve(out, USUAL_HEAD_BYTES) == NULL)
        return false;
    buf_printf(out, "HTTP/1.1 %u %s\r\nDate: %s\r\n%s", reply->status, http_reply_reason(reply->status), date,
               connections[connection]);
    while (http_reply_next(reply, &at, &name, &value)) {
        buf_append_string(out, name);
        buf_append_string(out, ": ");
        buf_append_string(out, value);
        buf_append_string(out, "\r\n");
    }
    if (!http_reply_is_bare(reply))
        buf_printf(out, "Content-Length: %zu\r\n", reply->body_bytes);
    return buf_append_string(out, "\r\n");
}
