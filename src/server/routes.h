/* The table of routes. */
#ifndef SERVER_ROUTES_H
#define SERVER_ROUTES_H

#include "server/exchange.h"

/* Ends with a row whose path is NULL. */
extern const route route_table[];

/* NULL when there is none; then *allow names the methods of the path, or is NULL where the path is unknown. */
const route *routes_find(const char *method, const char *path, const char **allow);

/* True where the service has the route on its admin port, or else on its other ones. */
bool routes_visible(const route *r, const server *s, bool admin);
/* The metrics' label of a path, whatever the method. */
metric_route routes_kind(const char *path);

/* The operation at a path, where possible of that method: errors of the path have its form. NULL = the service's own. */
const api_operation *routes_api(const char *path, const char *method);

/* The routes of gRPC: a row for each call of the services in proto/. routes_find looks here as well; lists of routes for people
 * and /openapi.json leave them out, for reflection lists them. Ends with a row whose path is NULL. */
extern const route grpc_route_table[];

#endif
