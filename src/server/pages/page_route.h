/* The pages for people: GET /, where the Accept header prefers HTML to JSON, /docs, /ui and /ui/live.
 *
 * They need no API key and hold nothing that would: they ask the person for the key, and their scripts send it. */
#ifndef SERVER_PAGES_PAGE_ROUTE_H
#define SERVER_PAGES_PAGE_ROUTE_H

#include "server/exchange.h"

/* Sends the page of x->route. */
void page_route(exchange *x);

/* The route of the page instead of `found`, where its path has one and the request prefers it. */
const route *page_route_choose(const exchange *x, const route *found);

#endif
