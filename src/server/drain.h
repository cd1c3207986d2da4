/* The end of a service: in order and without losing a request. server_drain of server.h is here. */
#ifndef SERVER_DRAIN_H
#define SERVER_DRAIN_H

#include "server/service.h"

/* Waits until no request is under way; false when the time ran out before. */
bool drain_wait(server *s, int64_t timeout_ms);

#endif
