/* GET /: what is served here, from the table of routes. */
#ifndef SERVER_INDEX_ROUTE_H
#define SERVER_INDEX_ROUTE_H

#include "server/exchange.h"

void index_route(exchange *x);

#endif
