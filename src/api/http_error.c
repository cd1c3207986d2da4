#include "api/http_error.h"

#include "base/json_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct error_row {
    const char *name;
    unsigned status;
    const char *type, *hint;
} error_row;

static const error_row table[HTTP_ERROR_TOTAL] = {
#define ROW(symbol, code, status, type, hint) [symbol] = {code, status, type, hint},
    HTTP_ERROR_TABLE(ROW)
#undef ROW
};

const char *http_error_name(http_error_code code)
{
    return table[code].name;
}

const char *http_error_type(http_error_code code)
{
    return table[code].type;
}

const char *http_error_hint(http_error_code code)
{
    return table[code].hint;
}

unsigned http_error_status(http_error_code code)
{
    return table[code].status;
}

void http_error_set(http_error *error, http_error_code code, const char *param, const char *format, ...)
{
    error->code = code;
    snprintf(error->param, sizeof error->param, "%s", param != NULL ? param : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
}

http_error_code http_error_of_status(aki_status status)
{
    switch (status) {
    case AKI_EMPTY_TEXT:
        return HTTP_ERROR_EMPTY_TEXT;
    case AKI_NO_TOKENS:
        return HTTP_ERROR_NO_TOKENS;
    case AKI_INVALID_UTF8:
        return HTTP_ERROR_INVALID_UTF8;
    case AKI_TEXT_TOO_LONG:
        return HTTP_ERROR_TEXT_TOO_LONG;
    case AKI_OVERLOADED:
        return HTTP_ERROR_OVERLOADED;
    case AKI_REQUEST_TOO_LONG:
        return HTTP_ERROR_REQUEST_TOO_LONG;
    case AKI_OUT_OF_MEMORY:
        return HTTP_ERROR_OUT_OF_MEMORY;
    case AKI_DEADLINE_EXCEEDED:
        return HTTP_ERROR_DEADLINE_EXCEEDED;
    case AKI_CANCELLED:
        return HTTP_ERROR_SHUTTING_DOWN;
    case AKI_NOT_FINITE:
        return HTTP_ERROR_NOT_FINITE;
    case AKI_MODEL_CHANGED:
        return HTTP_ERROR_MODEL_CHANGED;
    case AKI_UNAVAILABLE:
        return HTTP_ERROR_SERVICE_UNAVAILABLE;
    case AKI_WRONG_TASK:
        return HTTP_ERROR_WRONG_TASK;
    case AKI_OK:
    case AKI_INVALID_ARGUMENT: /* requests are checked before: reaching the engine is a fault of this program */
    case AKI_FORKED:
    case AKI_MODEL_NOT_FOUND:
    case AKI_MODEL_INVALID:
    case AKI_MODEL_UNSUPPORTED:
    case AKI_MODEL_DOWNLOAD_FAILED:
    case AKI_IO_ERROR:
    case AKI_CPU_UNSUPPORTED:
    case AKI_INTERNAL:
        break;
    }
    return HTTP_ERROR_INTERNAL;
}

http_error_code http_error_of_text(aki_status status)
{
    return status == AKI_INVALID_ARGUMENT ? HTTP_ERROR_INVALID_TYPE : http_error_of_status(status);
}

void http_error_from(http_error *error, const aki_error *from)
{
    char param[sizeof error->param] = "";
    if (from->text_index != AKI_NO_INDEX)
        snprintf(param, sizeof param, "texts[%zu]", from->text_index);
    http_error_set(error, http_error_of_status(from->status), param, "%s", from->message);
}

bool http_error_write_as(const http_error *error, const char *text, buf *out)
{
    buf_append_string(out, "{\"error\":{\"message\":");
    json_text_append_visible(out, text, strlen(text));
    buf_printf(out, ",\"type\":\"%s\",\"param\":", http_error_type(error->code));
    if (error->param[0] != '\0')
        json_text_append_string(out, error->param);
    else
        buf_append_string(out, "null");
    return buf_printf(out, ",\"code\":\"%s\"}}\n", http_error_name(error->code));
}

bool http_error_write(const http_error *error, buf *out)
{
    char text[sizeof error->message + 256];
    snprintf(text, sizeof text, "%s. %s", error->message, http_error_hint(error->code));
    return http_error_write_as(error, text, out);
}
