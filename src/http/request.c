#include "http/request.h"

#include <string.h>
#include <strings.h>

const char *http_request_method(const http_request *request)
{
    return request->method > 0 ? request->text + request->method - 1 : "";
}

const char *http_request_target(const http_request *request)
{
    return request->target > 0 ? request->text + request->target - 1 : "";
}

const char *http_request_header(const http_request *request, const char *name)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcasecmp(http_field_name(request, i), name) == 0)
            return http_field_value(request, i);
    return NULL;
}

bool http_list_has(const char *value, const char *token)
{
    const size_t length = strlen(token);
    for (const char *at = value; at != NULL && *at != '\0';) {
        at += strspn(at, ", \t");
        const size_t word = strcspn(at, ", \t");
        if (word == length && strncasecmp(at, token, length) == 0)
            return true;
        at += word;
    }
    return false;
}
