#include "grpc/status.h"

#include "api/api.h"
#include "grpc/methods.h"

#include <stdio.h>
#include <string.h>

#define MAX_MESSAGE_BYTES 1024

typedef struct row {
    grpc_code code;
    const char *hint; /* NULL = that of the error */
} row;

/* As grpc/grpc doc/statuscodes.md has them, where it says. A row that is missing would be OK: a test looks for it. */
static const row table[HTTP_ERROR_TOTAL] = {
    [HTTP_ERROR_BAD_REQUEST] = {GRPC_INVALID_ARGUMENT, "Correct the call's metadata."},
    [HTTP_ERROR_INVALID_JSON] = {GRPC_INVALID_ARGUMENT, NULL},
    [HTTP_ERROR_INVALID_UTF8] = {GRPC_INVALID_ARGUMENT, "Encode texts as UTF-8."},
    [HTTP_ERROR_INVALID_TYPE] = {GRPC_INVALID_ARGUMENT, "Correct the field's type."},
    [HTTP_ERROR_INVALID_VALUE] = {GRPC_INVALID_ARGUMENT, "Correct the field's value."},
    [HTTP_ERROR_MISSING_FIELD] = {GRPC_INVALID_ARGUMENT, "Set the field."},
    [HTTP_ERROR_UNKNOWN_FIELD] = {GRPC_INVALID_ARGUMENT, NULL},
    [HTTP_ERROR_EMPTY_INPUT] = {GRPC_INVALID_ARGUMENT, NULL},
    [HTTP_ERROR_EMPTY_TEXT] = {GRPC_INVALID_ARGUMENT, NULL},
    [HTTP_ERROR_NO_TOKENS] = {GRPC_INVALID_ARGUMENT, NULL},
    [HTTP_ERROR_TOO_MANY_TEXTS] = {GRPC_INVALID_ARGUMENT, NULL},
    [HTTP_ERROR_WRONG_TASK] = {GRPC_FAILED_PRECONDITION, NULL},
    [HTTP_ERROR_TEXT_TOO_LONG] = {GRPC_INVALID_ARGUMENT, "Shorten or split the text, or set truncate."},
    [HTTP_ERROR_INVALID_ENCODING] = {GRPC_INTERNAL, NULL},
    [HTTP_ERROR_INVALID_MESSAGE] = {GRPC_INTERNAL, NULL},
    [HTTP_ERROR_UNAUTHORIZED] = {GRPC_UNAUTHENTICATED,
                                 "Send a valid API key in the metadata: authorization: Bearer KEY."},
    [HTTP_ERROR_ROLE_MISSING] = {GRPC_PERMISSION_DENIED, NULL},
    [HTTP_ERROR_WEB_PAGE_REFUSED] = {GRPC_PERMISSION_DENIED, NULL},
    [HTTP_ERROR_NOT_FOUND] = {GRPC_UNIMPLEMENTED, "Server reflection lists the services and their calls."},
    [HTTP_ERROR_MODEL_NOT_FOUND] = {GRPC_NOT_FOUND, "Name the served model."},
    [HTTP_ERROR_METHOD_NOT_ALLOWED] = {GRPC_UNIMPLEMENTED, "Send POST."},
    [HTTP_ERROR_LAST_DEVICE] = {GRPC_FAILED_PRECONDITION, NULL},
    [HTTP_ERROR_BODY_TOO_LARGE] = {GRPC_RESOURCE_EXHAUSTED, "Split the texts over several calls."},
    [HTTP_ERROR_REQUEST_TOO_LONG] = {GRPC_RESOURCE_EXHAUSTED, NULL},
    [HTTP_ERROR_TARGET_TOO_LONG] = {GRPC_UNIMPLEMENTED, NULL},
    [HTTP_ERROR_UNSUPPORTED_MEDIA_TYPE] = {GRPC_INTERNAL, NULL},
    [HTTP_ERROR_UNSUPPORTED_ENCODING] = {GRPC_UNIMPLEMENTED,
                                         "Send messages as they are, or with grpc-encoding: gzip."},
    [HTTP_ERROR_OVERLOADED] = {GRPC_RESOURCE_EXHAUSTED, "Retry after grpc-retry-pushback-ms."},
    [HTTP_ERROR_HEADERS_TOO_LARGE] = {GRPC_RESOURCE_EXHAUSTED, "Send less metadata."},
    [HTTP_ERROR_CLIENT_GONE] = {GRPC_CANCELLED, NULL},
    [HTTP_ERROR_INTERNAL] = {GRPC_INTERNAL, NULL},
    [HTTP_ERROR_NOT_FINITE] = {GRPC_INTERNAL, NULL},
    [HTTP_ERROR_MODEL_CHANGED] = {GRPC_INTERNAL, NULL},
    [HTTP_ERROR_NOT_IMPLEMENTED] =
        {GRPC_UNIMPLEMENTED, "docs/GRPC.md says which calls are answered, and how many messages each takes."},
    [HTTP_ERROR_VERSION] = {GRPC_INTERNAL, NULL},
    [HTTP_ERROR_LOADING] = {GRPC_UNAVAILABLE, "Retry later; grpc.health.v1 tells when the model is there."},
    [HTTP_ERROR_MODEL_FAILED] = {GRPC_UNAVAILABLE, NULL},
    [HTTP_ERROR_SHUTTING_DOWN] = {GRPC_UNAVAILABLE, NULL},
    [HTTP_ERROR_TOO_MANY_CONNECTIONS] = {GRPC_UNAVAILABLE, NULL},
    [HTTP_ERROR_OUT_OF_MEMORY] = {GRPC_RESOURCE_EXHAUSTED,
                                  "Send fewer or shorter texts at once, or retry later."},
    [HTTP_ERROR_SERVICE_UNAVAILABLE] = {GRPC_UNAVAILABLE, "Retry later."},
    [HTTP_ERROR_DEADLINE_EXCEEDED] = {GRPC_DEADLINE_EXCEEDED, NULL},
};

grpc_code grpc_code_of(http_error_code code)
{
    return table[code].code;
}

const char *grpc_code_name(grpc_code code)
{
    switch (code) {
    case GRPC_OK:
        return "OK";
    case GRPC_CANCELLED:
        return "CANCELLED";
    case GRPC_INVALID_ARGUMENT:
        return "INVALID_ARGUMENT";
    case GRPC_DEADLINE_EXCEEDED:
        return "DEADLINE_EXCEEDED";
    case GRPC_NOT_FOUND:
        return "NOT_FOUND";
    case GRPC_PERMISSION_DENIED:
        return "PERMISSION_DENIED";
    case GRPC_RESOURCE_EXHAUSTED:
        return "RESOURCE_EXHAUSTED";
    case GRPC_FAILED_PRECONDITION:
        return "FAILED_PRECONDITION";
    case GRPC_UNIMPLEMENTED:
        return "UNIMPLEMENTED";
    case GRPC_INTERNAL:
        return "INTERNAL";
    case GRPC_UNAVAILABLE:
        return "UNAVAILABLE";
    case GRPC_UNAUTHENTICATED:
        return "UNAUTHENTICATED";
    }
    return "";
}

/* All but visible ASCII and the blank are escaped, and the percent sign. */
static void append_encoded(buf *out, const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (*at >= ' ' && *at <= '~' && *at != '%')
            buf_append_char(out, *at);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*at);
}

void grpc_status_write(const http_error *error, buf *out)
{
    if (error == NULL) {
        buf_append(out, "grpc-status\0000", sizeof "grpc-status\0000");
        return;
    }
    char text[MAX_MESSAGE_BYTES];
    const row *found = &table[error->code];
    snprintf(text, sizeof text, "%s. %s", error->message,
             found->hint != NULL ? found->hint : http_error_hint(error->code));
    buf_append(out, "grpc-status", sizeof "grpc-status");
    buf_printf(out, "%d", (int)found->code);
    buf_append_char(out, '\0');
    buf_append(out, "grpc-message", sizeof "grpc-message");
    append_encoded(out, text);
    buf_append_char(out, '\0');
}
