#include "http/connection/h2.h"

#include "http/connection/h2_stream.h"
#include "base/clock.h"
#include "base/memory.h"

#include <string.h>

#define MAX_STREAMS 100
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

bool h2_is_preface(const char *data, size_t length)
{
    return memcmp(data, NGHTTP2_CLIENT_MAGIC, length < H2_PREFACE_BYTES ? length : H2_PREFACE_BYTES) == 0;
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
    h2_session *s = h2_session_of(c);
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
        h2_head_take(s, h, ends);
    else if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) && ends)
        h2_stream_complete(h, NULL);
    return 0;
}

static int on_data(nghttp2_session *library, uint8_t flags, int32_t id, const uint8_t *data, size_t length,
                   void *cookie)
{
    (void)flags;
    (void)cookie;
    h2_stream *h = nghttp2_session_get_stream_user_data(library, id);
    const bool held = h != NULL && h->held && !h->replied;
    const int consumed = held ? nghttp2_session_consume_connection(library, length)
                              : nghttp2_session_consume(library, id, length);
    if (consumed != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (held)
        h->kept_back += length;
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
        h2_stream_lose(h);
    return 0;
}

/* ---- The connection -------------------------------------------------------------------------------------------- */

static void lose_streams(h2_session *s)
{
    for (h2_stream *h = s->first, *next; h != NULL; h = next) {
        next = h->next;
        h2_stream_lose(h);
    }
}

/* Nothing works any more. Streams whose handler is at work keep the connection until it has answered. */
static void end_session(http_connection *c)
{
    h2_session *s = h2_session_of(c);
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
    h2_session *s = h2_session_of(c);
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
    return nghttp2_session_mem_recv(h2_session_of(c)->library, (const uint8_t *)data, length) >= 0;
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
    h2_session *s = h2_session_of(c);
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
    h2_session *s = h2_session_of(c);
    const int64_t now_ns = clock_monotonic_ns();
    if (s->lingers) {
        end_session(c);
        return;
    }
    if (s->first == NULL) {
        http_connection_end_idle(c);
        if (!c->closed)
            h2_session_set_timer(c);
        return;
    }
    if (s->out.length > s->sent) { /* the client takes nothing, not even an end */
        end_session(c);
        return;
    }
    for (h2_stream *h = s->first; h != NULL; h = h->next)
        if (h->due_ns <= now_ns) {
            h->due_ns = TIMER_WHEEL_NEVER;
            const bool asked = h->began && !h->replied && h->body_sent == h->pieces.length;
            if (!asked || !connection_stream_tell_late(&h->stream))
                (void)nghttp2_submit_rst_stream(s->library, NGHTTP2_FLAG_NONE, h->id, NGHTTP2_CANCEL);
        }
    h2_session_set_timer(c);
    http_connection_advance(c);
}

static void peer_ended(http_connection *c)
{
    for (h2_stream *h = h2_session_of(c)->first; h != NULL; h = h->next)
        connection_stream_note_end(&h->stream);
}

static bool is_idle(const http_connection *c)
{
    return h2_session_of(c)->first == NULL && !h2_session_of(c)->lingers;
}

static void hurry(http_connection *c)
{
    h2_session *s = h2_session_of(c);
    if (!s->noticed && !s->ended)
        (void)nghttp2_submit_shutdown_notice(s->library);
    s->noticed = true;
    http_connection_defer(c);
}

/* The last word: which streams were taken. */
static void leave(http_connection *c)
{
    h2_session *s = h2_session_of(c);
    if (!s->ended && nghttp2_session_terminate_session(s->library, NGHTTP2_NO_ERROR) == 0)
        (void)write_out(c);
}

static void close_session(http_connection *c)
{
    h2_session *s = h2_session_of(c);
    s->ended = true;
    while (s->first != NULL)
        h2_stream_end(s->first, false);
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
    nghttp2_option *options;
    if (nghttp2_option_new(&options) != 0)
        return false;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        nghttp2_option_del(options);
        return false;
    }
    nghttp2_option_set_no_auto_window_update(options, 1); /* on_data gives windows back */
    h2_head_receive(callbacks);
    h2_reply_send(callbacks);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    const bool made = nghttp2_session_server_new2(&s->library, callbacks, c, options) == 0;
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
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
