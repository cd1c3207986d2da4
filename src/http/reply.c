#include "http/reply.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_FIELD_BYTES ((size_t)32 << 10)
#define USUAL_FIELD_BYTES 500

void http_reply_init(http_reply *reply, unsigned status)
{
    *reply = (http_reply){.status = status};
    buf_init(&reply->fields, MAX_FIELD_BYTES);
    buf_init(&reply->trailers, MAX_FIELD_BYTES);
}

void http_reply_free(http_reply *reply)
{
    buf_free(&reply->fields);
    buf_free(&reply->trailers);
    mem_free(reply->body);
    *reply = (http_reply){0};
}

void http_reply_add(http_reply *reply, const char *name, const char *value)
{
    if (reply->fields.data == NULL)
        (void)buf_reserve(&reply->fields, USUAL_FIELD_BYTES);
    buf_append(&reply->fields, name, strlen(name) + 1);
    buf_append(&reply->fields, value, strlen(value) + 1);
}

void http_reply_add_trailer(http_reply *reply, const char *name, const char *value)
{
    if (!buf_append(&reply->trailers, name, strlen(name) + 1) ||
        !buf_append(&reply->trailers, value, strlen(value) + 1))
        reply->fields.failed = true;
}

bool http_reply_take_body(http_reply *reply, buf *body)
{
    mem_free(reply->body);
    const bool empty = !body->failed && body->length == 0;
    const size_t room = body->capacity;
    reply->body_bytes = 0;
    reply->body = buf_take(body, &reply->body_bytes);
    buf_free(body);
    if (reply->body == NULL)
        return empty;
    if (room > reply->body_bytes +
                   reply->body_bytes / 8) { /* large ones may wait for their reader: without the rest */
        char *exact = mem_realloc(reply->body, reply->body_bytes, 1);
        reply->body = exact != NULL ? exact : reply->body;
    }
    return true;
}

static bool next_of(const buf *fields, const char **at, const char **name, const char **value)
{
    *at = *at != NULL ? *at : fields->data;
    if (*at == NULL || *at >= fields->data + fields->length)
        return false;
    *name = *at;
    *value = *name + strlen(*name) + 1;
    *at = *value + strlen(*value) + 1;
    return true;
}

bool http_reply_next(const http_reply *reply, const char **at, const char **name, const char **value)
{
    return next_of(&reply->fields, at, name, value);
}

bool http_reply_next_trailer(const http_reply *reply, const char **at, const char **name, const char **value)
{
    return next_of(&reply->trailers, at, name, value);
}

const char *http_reply_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } rows[] = {
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status)
            return rows[i].reason;
    return "";
}

bool http_fault_set(http_fault *fault, http_fault_kind kind, const char *format, ...)
{
    if (fault->kind != HTTP_FAULT_NONE)
        return false;
    fault->kind = kind;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof fault->message, format, arguments);
    va_end(arguments);
    return false;
}
