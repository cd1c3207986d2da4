#include "http/connection/stream.h"

#include "base/clock.h"
#include "http/connection/connection.h"

static connection_stream *whole_of(http_stream *face)
{
    return (connection_stream *)face;
}

static void resume(loop_task *self)
{
    connection_stream *stream = (connection_stream *)((char *)self - offsetof(connection_stream, resuming));
    http_connection *c = stream->connection; /* the stream may end */
    stream->handler->resumed(stream->handler->cookie, &stream->face);
    http_connection_advance(c);
}

static void send_answer(connection_stream *stream)
{
    if (stream->answer.fields.failed)
        http_stream_reply_out_of_memory(&stream->face);
    else
        stream->ways->reply(stream);
}

static void end_delay(loop_timer *self)
{
    connection_stream *stream = (connection_stream *)((char *)self - offsetof(connection_stream, held_back));
    http_connection *c = stream->connection; /* the stream may end */
    send_answer(stream);
    http_connection_advance(c);
}

void connection_stream_init(connection_stream *stream, http_connection *connection,
                            const connection_stream_ways *ways)
{
    *stream = (connection_stream){.ways = ways,
                                  .handler = connection->handler,
                                  .connection = connection,
                                  .resuming = {.run = resume},
                                  .held_back = {.run = end_delay},
                                  .ended = connection->peer_ended};
    pthread_mutex_init(&stream->lock, NULL);
}

void connection_stream_destroy(connection_stream *stream)
{
    if (stream->held_back.timer.link != NULL) /* an answer still waits */
        http_loop_set_timer(stream->connection->loop, &stream->held_back, TIMER_WHEEL_NEVER);
    http_reply_free(&stream->answer);
    pthread_mutex_destroy(&stream->lock);
}

void connection_stream_note_end(connection_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    if (stream->gone != NULL)
        stream->gone(stream->gone_cookie);
    stream->gone = NULL;
    pthread_mutex_unlock(&stream->lock);
}

/* ---- The handler is called ------------------------------------------------------------------------------------- */

void connection_stream_tell_head(connection_stream *stream, const http_fault *fault)
{
    stream->handler->head(stream->handler->cookie, &stream->face, fault);
}

void connection_stream_tell_body(connection_stream *stream, const char *data, size_t bytes)
{
    stream->handler->body(stream->handler->cookie, &stream->face, data, bytes);
}

void connection_stream_tell_complete(connection_stream *stream, const http_fault *fault)
{
    stream->handler->complete(stream->handler->cookie, &stream->face, fault);
}

void connection_stream_tell_drained(connection_stream *stream)
{
    if (stream->handler->drained != NULL)
        stream->handler->drained(stream->handler->cookie, &stream->face);
}

bool connection_stream_tell_late(connection_stream *stream)
{
    if (stream->handler->late == NULL)
        return false;
    stream->handler->late(stream->handler->cookie, &stream->face);
    return true;
}

void connection_stream_tell_end(connection_stream *stream, bool whole)
{
    stream->handler->end(stream->handler->cookie, &stream->face, whole);
}

/* ---- The handler calls: http/stream.h -------------------------------------------------------------------------- */

void http_stream_reply(http_stream *face, http_reply *reply)
{
    connection_stream *stream = whole_of(face);
    stream->answer = *reply;
    *reply = (http_reply){0};
    send_answer(stream);
}

void http_stream_reply_after(http_stream *face, http_reply *reply, int64_t delay_ns)
{
    connection_stream *stream = whole_of(face);
    stream->answer = *reply;
    *reply = (http_reply){0};
    http_loop_set_timer(stream->connection->loop, &stream->held_back, clock_monotonic_ns() + delay_ns);
}

void http_stream_reply_spaced(http_stream *face, http_reply *reply, int64_t interval_ns)
{
    http_connection *c = whole_of(face)->connection;
    const int64_t now_ns = clock_monotonic_ns();
    const bool soon = c->spaced_ns != 0 && now_ns < c->spaced_ns + interval_ns;
    c->spaced_ns = soon ? now_ns + interval_ns : now_ns;
    if (soon)
        http_stream_reply_after(face, reply, interval_ns);
    else
        http_stream_reply(face, reply);
}

void http_stream_reply_out_of_memory(http_stream *face)
{
    connection_stream *stream = whole_of(face);
    http_reply_free(&stream->answer);
    stream->ways->reply(stream);
}

void http_stream_abort(http_stream *face)
{
    connection_stream *stream = whole_of(face);
    stream->ways->abort(stream);
}

bool http_stream_begin(http_stream *face, http_reply *reply)
{
    connection_stream *stream = whole_of(face);
    if (stream->ways->begin == NULL)
        return false;
    stream->answer = *reply;
    *reply = (http_reply){0};
    stream->ways->begin(stream);
    return true;
}

bool http_stream_send(http_stream *face, const char *data, size_t bytes)
{
    connection_stream *stream = whole_of(face);
    return stream->ways->send(stream, data, bytes);
}

size_t http_stream_unsent(const http_stream *face)
{
    const connection_stream *stream = (const connection_stream *)face;
    return stream->ways->unsent(stream);
}

void http_stream_finish(http_stream *face, http_reply *end)
{
    connection_stream *stream = whole_of(face);
    buf_free(&stream->answer.trailers);
    stream->answer.trailers = end->trailers;
    end->trailers = (buf){0};
    http_reply_free(end);
    stream->ways->finish(stream);
}

void http_stream_hold(http_stream *face, bool held)
{
    connection_stream *stream = whole_of(face);
    stream->ways->hold(stream, held);
}

void http_stream_set_deadline(http_stream *face, int64_t due_ns)
{
    connection_stream *stream = whole_of(face);
    stream->ways->set_deadline(stream, due_ns);
}

void http_stream_resume(http_stream *face)
{
    connection_stream *stream = whole_of(face);
    http_loop_post(stream->connection->loop, &stream->resuming);
}

bool http_stream_expect(http_stream *face, void (*gone)(void *cookie), void *cookie)
{
    connection_stream *stream = whole_of(face);
    pthread_mutex_lock(&stream->lock);
    const bool there = !stream->ended;
    stream->gone = there ? gone : NULL;
    stream->gone_cookie = cookie;
    pthread_mutex_unlock(&stream->lock);
    return there;
}

void http_stream_forget(http_stream *face)
{
    connection_stream *stream = whole_of(face);
    pthread_mutex_lock(&stream->lock);
    stream->gone = NULL;
    pthread_mutex_unlock(&stream->lock);
}

const struct sockaddr *http_stream_address(const http_stream *face)
{
    return &((const connection_stream *)face)->connection->address.any;
}

bool http_stream_came_over_loopback(const http_stream *face)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    const int descriptor = ((const connection_stream *)face)->connection->link.descriptor;
    if (getsockname(descriptor, (struct sockaddr *)&address, &length) != 0)
        return false;
    if (address.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (address.ss_family != AF_INET6)
        return false;
    const struct in6_addr *ip = &((const struct sockaddr_in6 *)&address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == IN_LOOPBACKNET);
}
