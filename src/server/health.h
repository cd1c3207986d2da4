/* GET /health/live and /health/ready: answered on the HTTP thread from what the watchdog saw last and from the set of models,
 * whose lock nobody holds for long; never behind a queue. */
#ifndef SERVER_HEALTH_H
#define SERVER_HEALTH_H

#include "server/exchange.h"

void health_live(exchange *x);
void health_ready(exchange *x);

/* The default and all pinned models there and their last health probes right, nothing stuck, memory under the limit, not
 * draining. */
bool health_is_ready(const server *s);

#endif
