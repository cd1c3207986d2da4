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

const char *http_request_path(const http_request *request, size_t *length)
{
    static const char *const schemes[] = {"http://", "https://"};
    const char *path = http_request_target(request);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const size_t scheme = strlen(schemes[i]);
        if (strncasecmp(path, schemes[i], scheme) == 0) {
            path += scheme + strcspn(path + scheme, "/?");
            if (*path != '/')
                path = "/";
            break;
        }
    }
    *length = strcspn(path, "?");
    return path;
}

bool http_method_exists(const char *method)
{
    static const char *const methods[] = {"GET",     "HEAD",  "POST",  "PUT",    "DELETE",
                                          "OPTIONS", "TRACE", "PATCH", "CONNECT"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

const char *http_request_header(const http_request *request, const char *name)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcasecmp(http_field_name(request, i), name) == 0)
            return http_field_value(request, i);
    return NULL;
}

void http_request_join(const http_request *request, const char *name, buf *out)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcasecmp(http_field_name(request, i), name) == 0) {
            buf_append_string(out, http_field_value(request, i));
            buf_append_char(out, ',');
        }
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
