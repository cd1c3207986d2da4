#include "http/stream.h"

#include "http/connection/connection.h"

#include <netinet/in.h>

static void resume(loop_task *self)
{
    http_stream *stream = (http_stream *)((char *)self - offsetof(http_stream, resuming));
    http_connection *c = stream->connection; /* the stream may end */
    stream->handler->resumed(stream->handler->cookie, stream);
    http_connection_advance(c);
}

void http_stream_init(http_stream *stream, http_connection *connection, const http_stream_ways *ways)
{
    *stream = (http_stream){.ways = ways,
                            .handler = connection->handler,
                            .connection = connection,
                            .resuming = {.run = resume},
                            .ended = connection->peer_ended};
    pthread_mutex_init(&stream->lock, NULL);
}

void http_stream_destroy(http_stream *stream)
{
    http_reply_free(&stream->answer);
    pthread_mutex_destroy(&stream->lock);
}

void http_stream_reply(http_stream *stream, http_reply *reply)
{
    stream->answer = *reply;
    *reply = (http_reply){0};
    if (stream->answer.fields.failed) {
        http_stream_reply_out_of_memory(stream);
        return;
    }
    stream->ways->reply(stream);
}

void http_stream_reply_out_of_memory(http_stream *stream)
{
    http_reply_free(&stream->answer);
    stream->ways->reply(stream);
}

void http_stream_abort(http_stream *stream)
{
    stream->ways->abort(stream);
}

void http_stream_set_deadline(http_stream *stream, int64_t due_ns)
{
    stream->ways->set_deadline(stream, due_ns);
}

void http_stream_resume(http_stream *stream)
{
    http_loop_post(stream->connection->loop, &stream->resuming);
}

bool http_stream_expect(http_stream *stream, void (*gone)(void *cookie), void *cookie)
{
    pthread_mutex_lock(&stream->lock);
    const bool there = !stream->ended;
    stream->gone = there ? gone : NULL;
    stream->gone_cookie = cookie;
    pthread_mutex_unlock(&stream->lock);
    return there;
}

void http_stream_forget(http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->gone = NULL;
    pthread_mutex_unlock(&stream->lock);
}

void http_stream_note_end(http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    if (stream->gone != NULL)
        stream->gone(stream->gone_cookie);
    stream->gone = NULL;
    pthread_mutex_unlock(&stream->lock);
}

const struct sockaddr *http_stream_address(const http_stream *stream)
{
    return &stream->connection->address.any;
}

bool http_stream_came_over_loopback(const http_stream *stream)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getsockname(stream->connection->link.descriptor, (struct sockaddr *)&address, &length) != 0)
        return false;
    if (address.ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)&address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (address.ss_family != AF_INET6)
        return false;
    const struct in6_addr *ip = &((const struct sockaddr_in6 *)&address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == IN_LOOPBACKNET);
}
