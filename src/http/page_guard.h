/* Keeps web pages away from a port that asks for no key: any page can make a browser on the operator's machine send requests,
 * also to 127.0.0.1 and to addresses that only this machine reaches. */
#ifndef HTTP_PAGE_GUARD_H
#define HTTP_PAGE_GUARD_H

#include <stdbool.h>

#include "http/reply.h"
#include "http/request.h"

/* Says why the request may be a web page's; NULL = it is none. Either it has an Origin, which browsers add to everything that
 * pages send but plain GETs. Or it changes something, and its Content-Type is one that a form can have, or it came over the
 * loopback interface with a domain name as Host, as after DNS rebinding. */
const char *page_guard_refusal(const http_request *request, bool changes, bool over_loopback);

/* True for the media types that a page may send to any site without a preflight request (the Fetch standard,
 * "CORS-safelisted"). */
bool page_guard_is_form_type(const char *content_type);

/* The value of a Host header (RFC 9110 section 7.2): a name or an address, and a port. */

/* True for uri-host [":" port] of RFC 3986, and for the empty value, which stands for a target without authority.
 * False for anything else, such as a user name, a path or a list. */
bool host_header_valid(const char *value);

/* True for a domain name, which some name server may resolve to any address: a name with a dot, but not an address
 * and not under "localhost". */
bool host_header_is_domain(const char *value);

/* Cross-origin requests of web pages, for a list of origins with commas between them, or "*" (the Fetch standard, "CORS protocol").
 * A list NULL allows none. */

/* True where the list has `origin`; NULL: false. */
bool cors_allows(const char *list, const char *origin);

/* Adds to a reply what lets the page that asked read it. */
void cors_add_headers(const char *list, const http_request *request, http_reply *reply);

/* True where the request asks for leave to send another one, from an origin that has it. */
bool cors_is_preflight(const char *list, const http_request *request);
/* Begins the reply that gives that leave: 204. */
void cors_begin_leave(http_reply *reply);

#endif
