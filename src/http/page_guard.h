/* Keeps web pages away from a port that asks for no key: any page can make a browser on the operator's machine send requests,
 * also to 127.0.0.1 and to addresses that only this machine reaches. */
#ifndef HTTP_PAGE_GUARD_H
#define HTTP_PAGE_GUARD_H

#include "http/request.h"

/* Says why the request may be a web page's; NULL = it is none. Either it has an Origin, which browsers add to everything that
 * pages send but plain GETs. Or it changes something, and its Content-Type is one that a form can have, or it came over the
 * loopback interface with a domain name as Host, as after DNS rebinding. */
const char *page_guard_refusal(const http_request *request, bool changes, bool over_loopback);

/* True for the media types that a page may send to any site without a preflight request (the Fetch standard,
 * "CORS-safelisted"). */
bool page_guard_is_form_type(const char *content_type);

#endif
