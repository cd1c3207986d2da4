/* Refuses requests for reasons that their line and headers show: route, host, key, size, overload. */
#ifndef SERVER_REQUEST_CHECK_H
#define SERVER_REQUEST_CHECK_H

#include "server/exchange.h"

/* More than this is not read away for the sake of a clean error reply. */
#define MAX_DISCARDED_BYTES (UINT64_C(256) << 20)

/* Finds the route; where something is wrong sets x->failed, x->error and x->allow. True when the reply must not wait
 * for the body: it is too long to be read away, or the client waits for leave to send it. */
bool request_check_headers(exchange *x);

/* Sets x->kind, where the rest of the head is not to be looked at. */
void request_check_kind(exchange *x);

#endif
