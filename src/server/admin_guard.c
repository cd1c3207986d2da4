#include "server/admin_guard.h"

#include "http/host_header.h"

#include <string.h>
#include <strings.h>

static const char *header(const exchange *x, const char *name)
{
    return exchange_header(x, name);
}

bool admin_guard_is_form_type(const char *content_type)
{
    static const char *const types[] = {"application/x-www-form-urlencoded", "multipart/form-data",
                                        "text/plain"};
    const size_t length = strcspn(content_type, "; \t");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strlen(types[i]) == length && strncasecmp(types[i], content_type, length) == 0)
            return true;
    return false;
}

static void refuse(exchange *x, const char *why)
{
    x->failed = true;
    http_error_set(&x->error, HTTP_ERROR_WEB_PAGE_REFUSED, NULL, "%s", why);
}

void admin_guard_check(exchange *x)
{
    const char *type = header(x, "Content-Type"), *host = header(x, "Host");
    const bool changes = x->route != NULL && strcmp(x->route->method, "POST") == 0;
    if (!x->admin || x->failed)
        return;
    if (header(x, "Origin") != NULL)
        refuse(x, "the request has an Origin, as those of web pages have, and the admin port serves none");
    else if (changes && type != NULL && admin_guard_is_form_type(type))
        refuse(x, "the request's Content-Type is one that any web page's form can send: leave it out, or "
                  "send application/json");
    else if (changes && host != NULL && host_header_is_domain(host) &&
             http_stream_came_over_loopback(x->stream))
        refuse(x, "the request came over the loopback interface for a domain's name, which a web page could "
                  "have made to mean this machine: use localhost or an IP address");
}
