/* The routes of gRPC: a row for each call of the services in proto/. routes.h looks here as well; lists of routes for people and
 * /openapi.json leave them out, for reflection lists them. */
#ifndef SERVER_GRPC_ROUTES_H
#define SERVER_GRPC_ROUTES_H

#include "server/exchange.h"

/* Ends with a row whose path is NULL. */
extern const route grpc_route_table[];

#endif
