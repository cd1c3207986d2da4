/* GET /openapi.json: the routes in OpenAPI 3.1, made from the table of routes and the descriptions of their operations
 * (api_description), so that no route is missing from it. Routes that the asker does not see in GET / are not in it. */
#ifndef SERVER_OPENAPI_ROUTE_H
#define SERVER_OPENAPI_ROUTE_H

#include "server/exchange.h"

void openapi_route(exchange *x);

#endif
