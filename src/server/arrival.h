/* From a connection to a route: opens the exchange with the request's head, has the headers checked, collects the
 * body or throws it away, hands the complete request to its route, and frees the exchange at the end. */
#ifndef SERVER_ARRIVAL_H
#define SERVER_ARRIVAL_H

#include "http/front.h"

/* Fills all of it but turn_away and the cookie, which is a way_in. */
void arrival_handle(http_handler *handler);

#endif
