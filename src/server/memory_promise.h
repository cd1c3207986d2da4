/* Reservations of memory by the requests under way, so that many at once do not each count on the same free memory: it is
 * measured about once a second, and requests come faster.
 *
 * A request holds its promises until it ends. What it has taken by the next measurement counts twice, in the room and as
 * promised: near a limit this refuses somewhat early, far from one it does not matter. Without a limit nothing is refused. */
#ifndef SERVER_MEMORY_PROMISE_H
#define SERVER_MEMORY_PROMISE_H

#include "server/exchange.h"

/* A body, its parsed form and the texts in it, for each of the body's bytes. */
#define MEMORY_PROMISE_PER_BODY_BYTE 3

/* `bytes` for a part of a request, to be given back by memory_promise_return. From any thread. Error: what the budget says about `what`. */
AKI_MUST_CHECK aki_status memory_promise_claim(server *s, size_t bytes, const char *what, aki_error *error);
void memory_promise_return(server *s, size_t bytes);

/* `bytes` more for this request. False with x->error, out_of_memory, which says for `what`. */
bool memory_promise_take(exchange *x, size_t bytes, const char *what);

/* Makes the promises for a body of so many bytes whole: what is promised already counts. False as above. */
bool memory_promise_body(exchange *x, size_t body_bytes);

/* Gives all promises of this request back. */
void memory_promise_end(exchange *x);

#endif
