/* The routes of all dialects: from body to scheduler to reply. */
#ifndef SERVER_EMBED_ROUTE_H
#define SERVER_EMBED_ROUTE_H

#include "server/exchange.h"

void embed_route_handle(exchange *x);
void embed_route_resume(exchange *x);

#endif
