/* The observers of the service's exchanges: the log of requests and their traces; metrics are in server_metrics.h. */
#ifndef SERVER_OBSERVERS_H
#define SERVER_OBSERVERS_H

#include "server/exchange.h"

/* The log of requests, written at the end of each: a line of the target "access", a warning where it was slow, and a line of
 * the target "http" with the hint where it failed. The target's lines and their fields are told in docs/OBSERVABILITY.md.
 *
 * No line holds a text, or anything that was sent but names and ids, unless the settings ask for it. */
/* whole: the reply was sent to the end. */
void request_log_end(exchange *x, bool whole);

/* The trace of an embedding request: the caller's place in it, read from the headers, and the spans of the request, made at
 * its end from the times that were noted on the way. docs/OBSERVABILITY.md draws the tree.
 *
 * A request that is not sampled costs the reading of a header and no more. */
/* The headers were checked. Other routes than the embedding ones are not traced. */
void request_trace_begin(exchange *x);
/* The reply is about to be handed to the connection. */
void request_trace_replied(exchange *x);
/* The request has ended; whole: its reply was sent to the end. */
void request_trace_end(exchange *x, bool whole);

/* The present time where the request is sampled, else 0: for times that only spans need. */
int64_t request_trace_now(const exchange *x);

#endif
