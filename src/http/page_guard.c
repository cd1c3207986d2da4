#include "http/page_guard.h"

#include "http/host_header.h"

#include <string.h>
#include <strings.h>

bool page_guard_is_form_type(const char *content_type)
{
    static const char *const types[] = {"application/x-www-form-urlencoded", "multipart/form-data",
                                        "text/plain"};
    const size_t length = strcspn(content_type, "; \t");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strlen(types[i]) == length && strncasecmp(types[i], content_type, length) == 0)
            return true;
    return false;
}

const char *page_guard_refusal(const http_request *request, bool changes, bool over_loopback)
{
    const char *type = http_request_header(request, "Content-Type"),
               *host = http_request_header(request, "Host");
    if (http_request_header(request, "Origin") != NULL)
        return "the request has an Origin, as those of web pages have, and the admin port serves none";
    if (changes && type != NULL && page_guard_is_form_type(type))
        return "the request's Content-Type is one that any web page's form can send: leave it out, or "
               "send application/json";
    if (changes && over_loopback && host != NULL && host_header_is_domain(host))
        return "the request came over the loopback interface for a domain's name, which a web page could "
               "have made to mean this machine: use localhost or an IP address";
    return NULL;
}
