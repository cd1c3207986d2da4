/* Cross-origin requests of web pages, for a list of origins with commas between them, or "*" (the Fetch standard, "CORS protocol").
 * A list NULL allows none. */
#ifndef HTTP_CORS_H
#define HTTP_CORS_H

#include "http/reply.h"
#include "http/request.h"

/* True where the list has `origin`; NULL: false. */
bool cors_allows(const char *list, const char *origin);

/* Adds to a reply what lets the page that asked read it. */
void cors_add_headers(const char *list, const http_request *request, http_reply *reply);

/* True where the request asks for leave to send another one, from an origin that has it. */
bool cors_is_preflight(const char *list, const http_request *request);
/* Begins the reply that gives that leave: 204. */
void cors_begin_leave(http_reply *reply);

#endif
