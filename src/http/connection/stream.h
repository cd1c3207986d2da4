/* A stream as its connection has it: the handler's part (http/stream.h), the reply, and the functions of the version of HTTP
 * that it came by. A version embeds it as the first member of a struct of its own. */
#ifndef HTTP_CONNECTION_STREAM_H
#define HTTP_CONNECTION_STREAM_H

#include "http/connection/loop.h"
#include "http/stream.h"

#include <pthread.h>

typedef struct connection_stream connection_stream;
struct http_connection;

/* Of a version of HTTP: does what the functions of http/stream.h ask for. */
typedef struct connection_stream_ways {
    void (*reply)(connection_stream *stream); /* stream->answer; status 0: out of memory */
    void (*abort)(connection_stream *stream);
    void (*set_deadline)(connection_stream *stream, int64_t due_ns);
    /* For replies in pieces; NULL = there are none. */
    void (*begin)(connection_stream *stream); /* stream->answer: the head, and room for trailers */
    bool (*send)(connection_stream *stream, const char *data, size_t bytes);
    size_t (*unsent)(const connection_stream *stream);
    void (*finish)(connection_stream *stream);
    void (*hold)(connection_stream *stream, bool held);
} connection_stream_ways;

struct connection_stream {
    http_stream face;
    http_reply answer;
    const connection_stream_ways *ways;
    const http_handler *handler;
    struct http_connection *connection;
    loop_task resuming;
    loop_timer held_back; /* until then, of an answer that is not sent at once */
    pthread_mutex_t lock; /* of what follows; held while `gone` runs */
    bool ended;           /* the client has ended its side */
    void (*gone)(void *cookie);
    void *gone_cookie;
};

void connection_stream_init(connection_stream *stream, struct http_connection *connection,
                            const connection_stream_ways *ways);
void connection_stream_destroy(connection_stream *stream);
/* The client has ended its side, or the connection broke: calls `gone` of http_stream_expect. */
void connection_stream_note_end(connection_stream *stream);

/* Calls of the handler. `head`, `body` and `complete` may reply or abort; `end` is the last. */
void connection_stream_tell_head(connection_stream *stream, const http_fault *fault);
void connection_stream_tell_body(connection_stream *stream, const char *data, size_t bytes);
void connection_stream_tell_complete(connection_stream *stream, const http_fault *fault);
void connection_stream_tell_drained(connection_stream *stream);
/* False: the handler wants to know nothing of deadlines. */
bool connection_stream_tell_late(connection_stream *stream);
void connection_stream_tell_end(connection_stream *stream, bool whole);

#endif
