/* The streams of one connection of HTTP/2, each a request and its reply, and the session that they are of.
 *
 * A stream whose client has cancelled it, or left, is kept as an orphan until its handler has answered: other threads may hold it.
 * The connection has one timer, set to the first of its streams' deadlines, or to the end of its idle time.
 *
 * Heads are read in h2_head.c and replies written in h2_reply.c. */
#ifndef HTTP_CONNECTION_H2_STREAM_H
#define HTTP_CONNECTION_H2_STREAM_H

#include "base/buf.h"
#include "http/connection/connection.h"

#include <nghttp2/nghttp2.h>

typedef struct h2_stream h2_stream;

typedef struct h2_session {
    nghttp2_session *library;
    h2_stream *first;
    size_t orphans; /* streams that the client has cancelled and whose handler is at work */
    buf out;        /* to be written; `sent` bytes of it have been */
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
    bool began;       /* the reply's body goes out in pieces, until `replied` */
    buf pieces;       /* of it; `body_sent` bytes of them are sent */
    bool held;        /* what comes is not given back to the client's window */
    size_t kept_back; /* bytes of the window */
};

static inline h2_session *h2_session_of(const http_connection *c)
{
    return c->session;
}

/* Sets the connection's timer anew. */
void h2_session_set_timer(http_connection *c);

/* Takes its place among the session's streams; NULL = no memory. */
h2_stream *h2_stream_open(http_connection *c, int32_t id, const connection_stream_ways *ways);
/* By clock_monotonic_ns; TIMER_WHEEL_NEVER = none. */
void h2_stream_set_due(h2_stream *h, int64_t due_ns);
/* The request is whole, or faulty: tells the handler, once, unless it has replied already. */
void h2_stream_complete(h2_stream *h, const http_fault *fault);
/* The client does not want the reply any more, or cannot get it. Frees the stream, unless its handler is at work. */
void h2_stream_lose(h2_stream *h);
/* Tells the handler of the end, where it knows of the stream, and frees it. */
void h2_stream_end(h2_stream *h, bool whole);

/* Has the library open a stream for each head, and fill it with the head's fields. */
void h2_head_receive(nghttp2_session_callbacks *callbacks);
/* The head is whole: checks it and tells the handler. ends: no body follows. The stream may have ended when it returns. */
void h2_head_take(h2_session *s, h2_stream *h, bool ends);

/* Of h2_stream.stream. */
extern const connection_stream_ways h2_reply_ways;

/* Has the library tell of the frames that it sends. */
void h2_reply_send(nghttp2_session_callbacks *callbacks);

#endif
