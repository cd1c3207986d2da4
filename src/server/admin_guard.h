/* Keeps web pages away from the admin port, which asks for no key: any page can make a browser on the operator's
 * machine send requests, also to 127.0.0.1 and to addresses that only this machine reaches. */
#ifndef SERVER_ADMIN_GUARD_H
#define SERVER_ADMIN_GUARD_H

#include "server/exchange.h"

/* Fails a request that a web page may have sent. Either it has an Origin, which browsers add to everything that pages
 * send but plain GETs. Or it changes something, and its Content-Type is one that a form can have, or it came over the
 * loopback interface with a domain name as Host, as after DNS rebinding. */
void admin_guard_check(exchange *x);

/* True for the media types that a page may send to any site without a preflight request (the Fetch standard,
 * "CORS-safelisted"). */
bool admin_guard_is_form_type(const char *content_type);

#endif
