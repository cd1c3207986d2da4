/* One request and its reply, as a handler sees them: the only face of this room that those who answer requests know. Whether
 * they come by HTTP/1 or HTTP/2, with or without TLS, does not show.
 *
 * A stream belongs to the HTTP thread of its connection, which makes all calls of http_handler. A request that is whole waits
 * for its reply as long as the handler likes; any thread may call http_stream_resume meanwhile, once, to have `resumed` called
 * on the stream's own thread. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/reply.h"
#include "http/request.h"

#include <sys/socket.h>

typedef struct http_stream http_stream;

typedef enum http_refusal { HTTP_REFUSED_FULL, HTTP_REFUSED_ADDRESS } http_refusal;

typedef struct http_handler {
    /* A request's head is there. With a fault (NULL = none) there is only what could be read of it; then, and at any time from
     * now on, the handler may reply; the connection ends with a reply that comes before the whole request. */
    void (*head)(void *cookie, http_stream *stream, const http_fault *fault);
    /* A piece of the body. */
    void (*body)(void *cookie, http_stream *stream, const char *data, size_t bytes);
    /* The request is whole, or its body is not what it should be (fault). */
    void (*complete)(void *cookie, http_stream *stream, const http_fault *fault);
    void (*resumed)(void *cookie, http_stream *stream);
    /* Of a reply that http_stream_begin began; NULL = not told. */
    void (*drained)(void *cookie,
                    http_stream *stream); /* all that was sent is taken. To be left by http_stream_resume */
    void (*late)(void *cookie, http_stream *stream); /* its deadline has come, and it is not aborted */
    /* The stream's end, once for each `head`; whole: its reply was handed to the system to the last byte. */
    void (*end)(void *cookie, http_stream *stream, bool whole);
    /* A connection is not taken: writes the reply that its client gets. */
    void (*turn_away)(void *cookie, http_refusal why, http_reply *reply);
    void *cookie;
    const char *out_of_memory; /* JSON body of the 503 where there is no memory for a reply */
} http_handler;

/* Begins a stream of http/connection/stream.h, which has the rest. */
struct http_stream {
    http_request request;
    void *context; /* the handler's */
};

/* Sends the reply, which is taken over. Once, on the stream's thread. */
void http_stream_reply(http_stream *stream, http_reply *reply);
/* As http_stream_reply, after the delay; the request must have been read to its end. Until then the handler is told only of the
 * stream's end, which comes at once where the connection breaks. */
void http_stream_reply_after(http_stream *stream, http_reply *reply, int64_t delay_ns);
/* At once, but after the interval where the connection's last reply by this function was within it: for refusals that some clients
 * answer by the same request, at once and for ever. To a request that is whole. */
void http_stream_reply_spaced(http_stream *stream, http_reply *reply, int64_t interval_ns);
/* Replies that there is no memory, without taking any, and ends the connection. */
void http_stream_reply_out_of_memory(http_stream *stream);
/* Ends the stream without a reply, before one was sent. */
void http_stream_abort(http_stream *stream);

/* A reply whose body is sent piece by piece, before and while the request's body comes: over HTTP/2 only. From here on the stream
 * is kept, as that of a whole request is, until http_stream_finish or http_stream_abort, though its client may be gone
 * (http_stream_expect). These functions are called on the stream's thread. */
#define HTTP_STREAM_MAX_UNSENT_BYTES ((size_t)64 << 20)
/* Sends the reply's head, which is taken over; its body must be empty. False = not over this version of HTTP. */
bool http_stream_begin(http_stream *stream, http_reply *reply);
/* False = no memory, or more than the maximum waits for the client. */
bool http_stream_send(http_stream *stream, const char *data, size_t bytes);
/* Bytes that the client has not taken yet. */
size_t http_stream_unsent(const http_stream *stream);
/* Ends the body; the trailers of `end` follow, which is taken over. Once. The stream may have ended when it returns. */
void http_stream_finish(http_stream *stream, http_reply *end);
/* While held, what comes of the body uses up the client's window, so that it stops sending. */
void http_stream_hold(http_stream *stream, bool held);

/* Until when the body must go on coming: then the stream is aborted. By clock_monotonic_ns. */
void http_stream_set_deadline(http_stream *stream, int64_t due_ns);
/* Has `resumed` called. From any thread, once for each complete request at the most until it was called. */
void http_stream_resume(http_stream *stream);

/* Has `gone` called, once, when the client ends its side of the connection. False, and no call, where it has done so already. A
 * client that only ends its sending side, to read the reply later, is not told from one that closed. From any thread. */
bool http_stream_expect(http_stream *stream, void (*gone)(void *cookie), void *cookie);
/* When it returns, `gone` is not running and will not be called. From any thread. */
void http_stream_forget(http_stream *stream);

/* The client's; family AF_UNSPEC where it has none (a unix socket). */
const struct sockaddr *http_stream_address(const http_stream *stream);
/* The connection came to a loopback address of this machine. */
bool http_stream_came_over_loopback(const http_stream *stream);

#endif
