/* A front with a handler for tests, which checks the order of what it is told and what the requests hold: every stream has one
 * end, and a reply or an abort at the most. It runs on the front's threads, where cmocka's assertions cannot be used: what is not
 * true ends the program.
 *
 * The letter behind the slash of a request's target says what becomes of it:
 *   e (early)    answered by 413 before its body
 *   x            aborted at its head
 *   c (cut)      aborted at the first piece of its body
 *   d (delay)    answered after SERVICE_DELAY_NS
 *   n (nothing)  there is no memory for its reply
 *   w (wait)     waits until it is resumed
 *   r (resume)   resumes all that wait, and is answered
 *   s (stream)   its body is sent back piece by piece as it comes, behind it the trailer x-end; over HTTP/1 as others are
 *   h (hold)     likewise, but nothing is given back to the client's window
 * Others are answered by 200 and a text: "METHOD TARGET [BODY]" where the test has none of its own. A request with the header
 * x-last has the connection's last reply. */
#ifndef HTTP_FRONT_SERVICE_H
#define HTTP_FRONT_SERVICE_H

#include "base/clock.h"
#include "base/memory.h"
#include "http/front.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE_MAX_WAITING 512
#define SERVICE_DELAY_NS (100 * NS_PER_MS)
#define SERVICE_MAX_BODY_BYTES ((size_t)2 << 20)
#define SERVICE_OUT_OF_MEMORY "no memory"

#define SERVICE_CHECK(condition)                                                                             \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

typedef struct service_counts {
    unsigned begun, ended, whole; /* streams; whole: their reply was sent */
    unsigned waits, gone;         /* requests that have waited; clients that have left meanwhile */
    unsigned turned_away;
    unsigned drained;  /* how often all of a stream was taken */
    uint64_t requests; /* a hash of what they were, whatever the pieces that they came in */
} service_counts;

static struct {
    http_front *front;
    uint16_t port;
    /* Set before the start, or left as it is. Writes the text of a reply. */
    void (*answer)(const http_stream *stream, const buf *body, buf *text);
    bool resumes_gone; /* what waits is resumed once its client has left */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    service_counts counts;
    http_stream *waiting[SERVICE_MAX_WAITING]; /* those that are not resumed yet */
} service = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

typedef struct service_request {
    bool faulty, completed, replied, aborted, waits;
    bool streams, gone;
    buf body;
} service_request;

static inline void service_count(unsigned *count)
{
    pthread_mutex_lock(&service.lock);
    ++*count;
    pthread_cond_signal(&service.changed);
    pthread_mutex_unlock(&service.lock);
}

static inline void service_hash(const void *data, size_t size)
{
    pthread_mutex_lock(&service.lock);
    for (size_t i = 0; i < size; i++)
        service.counts.requests = (service.counts.requests ^ ((const uint8_t *)data)[i]) * 0x100000001B3u;
    pthread_mutex_unlock(&service.lock);
}

static inline char service_kind(const http_stream *stream)
{
    const char *target = http_request_target(&stream->request);
    return target[0] == '/' ? target[1] : '\0';
}

/* ---- Replies ------------------------------------------------------------------------------------------------------- */

static inline void service_reply(http_stream *stream, http_reply *reply)
{
    service_request *r = stream->context;
    SERVICE_CHECK(!r->replied && !r->aborted);
    r->replied = true;
    if (r->completed && service_kind(stream) == 'd')
        http_stream_reply_after(stream, reply, SERVICE_DELAY_NS);
    else
        http_stream_reply(stream, reply);
}

static inline void service_refuse(http_stream *stream, unsigned status)
{
    http_reply reply;
    http_reply_init(&reply, status);
    service_reply(stream, &reply);
}

static inline void service_answer(http_stream *stream)
{
    const service_request *r = stream->context;
    const http_request *request = &stream->request;
    http_reply reply;
    buf text;
    buf_init(&text, 2 * SERVICE_MAX_BODY_BYTES);
    if (service.answer != NULL)
        service.answer(stream, &r->body, &text);
    else
        buf_printf(&text, "%s %s [%.*s]", http_request_method(request), http_request_target(request),
                   (int)r->body.length, r->body.length > 0 ? r->body.data : "");
    http_reply_init(&reply, 200);
    http_reply_add(&reply, "X-Note", "n");
    SERVICE_CHECK(http_reply_take_body(&reply, &text));
    reply.closes = http_request_header(request, "x-last") != NULL;
    service_reply(stream, &reply);
}

/* ---- Streams --------------------------------------------------------------------------------------------------------- */

/* On the stream's thread, as all of these. The stream ends when it has been resumed. */
static inline void service_on_stream_gone(void *cookie)
{
    http_stream *stream = cookie;
    service_request *r = stream->context;
    SERVICE_CHECK(!r->gone);
    r->gone = true;
    service_count(&service.counts.gone);
    http_stream_resume(stream);
}

static inline void service_begin_stream(http_stream *stream)
{
    service_request *r = stream->context;
    http_reply reply;
    http_reply_init(&reply, 200);
    http_reply_add(&reply, "X-Note", "n");
    r->streams = http_stream_begin(stream, &reply);
    http_reply_free(&reply);
    if (!r->streams)
        return;
    if (service_kind(stream) == 'h')
        http_stream_hold(stream, true);
    if (!http_stream_expect(stream, service_on_stream_gone, stream))
        service_on_stream_gone(stream);
}

static inline void service_end_stream(http_stream *stream, const char *end)
{
    service_request *r = stream->context;
    http_reply reply;
    http_stream_forget(stream);
    http_reply_init(&reply, 200);
    http_reply_add_trailer(&reply, "X-End", end);
    r->replied = true;
    http_stream_finish(stream, &reply);
}

static inline void service_on_drained(void *cookie, http_stream *stream)
{
    (void)cookie;
    SERVICE_CHECK(http_stream_unsent(stream) == 0);
    service_count(&service.counts.drained);
}

static inline void service_on_late(void *cookie, http_stream *stream)
{
    (void)cookie;
    service_request *r = stream->context;
    if (!r->gone)
        service_end_stream(stream, "late");
}

/* ---- Requests that wait -------------------------------------------------------------------------------------------- */

/* service.lock is held. */
static inline void service_resume(http_stream *stream)
{
    service_request *r = stream->context;
    if (!r->waits)
        return;
    r->waits = false;
    http_stream_resume(stream);
}

static inline void service_on_gone(void *cookie)
{
    service_count(&service.counts.gone);
    if (!service.resumes_gone)
        return;
    pthread_mutex_lock(&service.lock);
    service_resume(cookie);
    pthread_mutex_unlock(&service.lock);
}

static inline void service_resume_all(void)
{
    pthread_mutex_lock(&service.lock);
    for (size_t i = 0; i < SERVICE_MAX_WAITING; i++)
        if (service.waiting[i] != NULL)
            service_resume(service.waiting[i]);
    pthread_mutex_unlock(&service.lock);
}

static inline void service_wait(http_stream *stream)
{
    service_request *r = stream->context;
    size_t place = 0;
    pthread_mutex_lock(&service.lock);
    r->waits = true;
    while (place < SERVICE_MAX_WAITING && service.waiting[place] != NULL)
        place++;
    if (place < SERVICE_MAX_WAITING)
        service.waiting[place] = stream;
    else
        service_resume(stream);
    pthread_mutex_unlock(&service.lock);
    if (place < SERVICE_MAX_WAITING && !http_stream_expect(stream, service_on_gone, stream))
        service_on_gone(stream);
    service_count(&service.counts.waits); /* last: a test may end the request then */
}

/* ---- The handler --------------------------------------------------------------------------------------------------- */

static inline void service_check_request(const http_request *request)
{
    SERVICE_CHECK(request->count <= HTTP_MAX_FIELDS + 1 && !(request->announced && request->chunked));
    SERVICE_CHECK(http_request_method(request)[0] != '\0' && http_request_target(request)[0] != '\0');
    SERVICE_CHECK(strlen(http_request_target(request)) <= HTTP_MAX_TARGET_BYTES);
    SERVICE_CHECK(request->version == HTTP_VERSION_1_0 || http_request_header(request, "host") != NULL);
    for (size_t i = 0; i < request->count; i++)
        SERVICE_CHECK(http_field_name(request, i)[0] != '\0' &&
                      strpbrk(http_field_value(request, i), "\r\n") == NULL);
}

static inline void service_abort(http_stream *stream)
{
    service_request *r = stream->context;
    r->aborted = true;
    http_stream_abort(stream);
}

static inline void service_on_head(void *cookie, http_stream *stream, const http_fault *fault)
{
    (void)cookie;
    service_request *r = mem_zalloc(1, sizeof *r);
    SERVICE_CHECK(r != NULL);
    buf_init(&r->body, SERVICE_MAX_BODY_BYTES);
    r->faulty = fault != NULL;
    stream->context = r;
    service_count(&service.counts.begun);
    if (fault != NULL)
        return;
    service_check_request(&stream->request);
    if (service_kind(stream) == 'e')
        service_refuse(stream, 413);
    else if (service_kind(stream) == 'x')
        service_abort(stream);
    else if (service_kind(stream) == 's' || service_kind(stream) == 'h')
        service_begin_stream(stream);
}

static inline void service_on_body(void *cookie, http_stream *stream, const char *data, size_t bytes)
{
    (void)cookie;
    service_request *r = stream->context;
    SERVICE_CHECK(!r->completed && !r->replied && !r->aborted && bytes > 0);
    if (service_kind(stream) == 'c') {
        service_abort(stream);
        return;
    }
    service_hash(data, bytes);
    SERVICE_CHECK(r->streams ? http_stream_send(stream, data, bytes) : buf_append(&r->body, data, bytes));
    SERVICE_CHECK(!stream->request.announced || r->body.length <= stream->request.body_bytes);
}

static inline void service_on_complete(void *cookie, http_stream *stream, const http_fault *fault)
{
    (void)cookie;
    service_request *r = stream->context;
    const http_request *request = &stream->request;
    const http_fault_kind none = HTTP_FAULT_NONE;
    SERVICE_CHECK(!r->completed && !r->replied && !r->aborted && (!r->faulty || fault != NULL));
    r->completed = true;
    service_hash(http_request_method(request), strlen(http_request_method(request)) + 1);
    service_hash(http_request_target(request), strlen(http_request_target(request)) + 1);
    /* Which of several things that are wrong is told first depends on the pieces. */
    service_hash(fault != NULL ? &fault->kind : &none, sizeof none);
    if (r->streams) {
        if (!r->gone)
            service_end_stream(stream, "done");
        return;
    }
    if (fault != NULL) {
        service_refuse(stream, fault->kind == HTTP_FAULT_MALFORMED ? 400 : 431);
        return;
    }
    SERVICE_CHECK(request->chunked || r->body.length == request->body_bytes);
    const char kind = service_kind(stream);
    if (kind == 'w') {
        service_wait(stream);
    } else if (kind == 'n') {
        r->replied = true;
        http_stream_reply_out_of_memory(stream);
    } else {
        if (kind == 'r')
            service_resume_all();
        service_answer(stream);
    }
}

static inline void service_on_resumed(void *cookie, http_stream *stream)
{
    (void)cookie;
    service_request *r = stream->context;
    if (r->streams) {
        service_end_stream(stream, "gone");
        return;
    }
    http_stream_forget(stream);
    pthread_mutex_lock(&service.lock);
    r->waits = false;
    for (size_t i = 0; i < SERVICE_MAX_WAITING; i++)
        if (service.waiting[i] == stream)
            service.waiting[i] = NULL;
    pthread_mutex_unlock(&service.lock);
    service_answer(stream);
}

static inline void service_on_end(void *cookie, http_stream *stream, bool whole)
{
    (void)cookie;
    service_request *r = stream->context;
    SERVICE_CHECK(!r->waits && (!whole || r->replied));
    buf_free(&r->body);
    mem_free(r);
    if (whole)
        service_count(&service.counts.whole);
    service_count(&service.counts.ended);
}

static inline void service_turn_away(void *cookie, http_refusal why, http_reply *reply)
{
    (void)cookie;
    buf body;
    buf_init(&body, 100);
    buf_append_string(&body, why == HTTP_REFUSED_FULL ? "full" : "address");
    reply->status = 503;
    SERVICE_CHECK(http_reply_take_body(reply, &body));
    service_count(&service.counts.turned_away);
}

/* ---- For tests ----------------------------------------------------------------------------------------------------- */

/* One thread; nothing ends by the clock. */
static inline http_front_settings service_settings(void)
{
    return (http_front_settings){.handler = {.head = service_on_head,
                                             .body = service_on_body,
                                             .complete = service_on_complete,
                                             .resumed = service_on_resumed,
                                             .drained = service_on_drained,
                                             .late = service_on_late,
                                             .end = service_on_end,
                                             .turn_away = service_turn_away,
                                             .out_of_memory = SERVICE_OUT_OF_MEMORY},
                                 .threads = 1,
                                 .max_header_bytes = 4096,
                                 .header_timeout_ms = 600000,
                                 .idle_timeout_ms = 600000,
                                 .write_timeout_ms = 600000,
                                 .max_connections = 100};
}

static inline void service_forget_counts(void)
{
    pthread_mutex_lock(&service.lock);
    service.counts = (service_counts){0};
    pthread_mutex_unlock(&service.lock);
}

/* On a port of the loopback interface, and a unix socket where its path is not NULL. */
static inline void service_start(const http_front_settings *settings, const char *unix_path)
{
    listen_sockets sockets;
    aki_error error;
    service_forget_counts();
    memset(service.waiting, 0, sizeof service.waiting);
    SERVICE_CHECK(listen_sockets_open(&sockets, "127.0.0.1", 0, &error) == AKI_OK);
    service.port = sockets.port;
    if (unix_path != NULL)
        SERVICE_CHECK(listen_sockets_add_unix(&sockets, unix_path, 0600, &error) == AKI_OK);
    SERVICE_CHECK(http_front_open(&service.front, &sockets, settings, &error) == AKI_OK);
}

static inline void service_stop(void)
{
    http_front_close(service.front);
    SERVICE_CHECK(service.counts.begun == service.counts.ended);
}

/* count: of service.counts. */
static inline void service_await(const unsigned *count, unsigned value)
{
    pthread_mutex_lock(&service.lock);
    while (*count < value)
        pthread_cond_wait(&service.changed, &service.lock);
    pthread_mutex_unlock(&service.lock);
}

#endif
