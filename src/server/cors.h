/* Cross-origin requests of web pages, for the origins that --cors-origin names (the Fetch standard, "CORS protocol"). */
#ifndef SERVER_CORS_H
#define SERVER_CORS_H

#include "server/exchange.h"

/* True where `list`, origins with commas between them or "*", has `origin`. NULL allowed for both: false. */
bool cors_allows(const char *list, const char *origin);

/* Adds to a reply what lets the page that asked read it. */
void cors_add_headers(const exchange *x, http_reply *reply);

/* Whether the request asks for leave to send another one, from an origin that has it. */
bool cors_is_preflight(const exchange *x, const char *method);
/* Gives that leave: 204. */
void cors_answer_preflight(exchange *x);

#endif
