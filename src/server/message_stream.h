/* Routes whose bodies are streams of messages: gRPC's streaming calls. Each message is a call of its own, read, computed and written by
 * the operation of the route (grpc/methods.h) as a whole request's is by embed_route.h; replies go out in the order of the messages,
 * as soon as they are there. The first that fails ends the stream with its error, after the replies before it.
 *
 * A stream has a few messages under way at a time; while it has, or while its client does not take replies, the client's window
 * stays shut. Where the scheduler is full, a message waits as long as a request may for its first pass, instead of being refused at once. A client that cancels or
 * leaves has its work dropped. A stream that is quiet for as long as an idle connection may be ends; while the service ends, after
 * a moment.
 *
 * A watched stream has one message, whose reply is sent again whenever it changes. */
#ifndef SERVER_MESSAGE_STREAM_H
#define SERVER_MESSAGE_STREAM_H

#include "server/exchange.h"

extern const exchange_stream message_stream, watched_stream;

/* Of the routes that have one of these. */
void message_stream_handle(exchange *x);
void message_stream_resume(exchange *x);

/* The service's health may have changed, or the service ends: all open streams are told. From any thread. */
void message_streams_wake(server *s);

#endif
