/* POST /admin/models/{model}/load, unload and reload: 202 at once, and the rest happens in the background; GET /api/v1/models
 * tells how it goes. */
#ifndef SERVER_MODELS_ROUTE_H
#define SERVER_MODELS_ROUTE_H

#include "server/exchange.h"

void models_route_load(exchange *x);
void models_route_unload(exchange *x);
void models_route_reload(exchange *x);

#endif
