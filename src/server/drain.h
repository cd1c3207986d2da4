/* The end of a service: in order and without losing a request. */
#ifndef SERVER_DRAIN_H
#define SERVER_DRAIN_H

#include "server/service.h"

/* server_drain of server.h. */
bool drain_run(server *s);

/* Waits until no request is under way; false when the time ran out before. */
bool drain_wait(server *s, int64_t timeout_ms);

#endif
