/* Keeps web pages away from the admin port, which asks for no key: a browser on the operator's machine sends what any page
 * tells it to, also to 127.0.0.1 or to an address that only this machine reaches. */
#ifndef SERVER_ADMIN_GUARD_H
#define SERVER_ADMIN_GUARD_H

#include "server/exchange.h"

/* Fails the request where it may be a page's: it has an Origin, as browsers give to all that pages send but plain GETs; or it
 * changes something, and its Content-Type is one of those that a form has, or it came over the loopback interface for a
 * domain's name, as after DNS rebinding. */
void admin_guard_check(exchange *x);

/* True for the media types that a page may send anywhere without leave (the Fetch standard, "CORS-safelisted"). */
bool admin_guard_is_form_type(const char *content_type);

#endif
