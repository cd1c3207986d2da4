#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct status_row {
    const char *name, *text, *hint;
} status_row;

static const status_row table[] = {
#define ROW(symbol, number, name, text, hint) [number] = {name, text, hint},
    AKI_STATUS_TABLE(ROW)
#undef ROW
};

static const status_row *row_of(aki_status status)
{
    size_t i = (size_t)status;
    return &table[i < sizeof table / sizeof table[0] ? i : (size_t)AKI_INTERNAL];
}

const char *aki_status_name(aki_status status)
{
    return row_of(status)->name;
}

const char *aki_status_text(aki_status status)
{
    return row_of(status)->text;
}

const char *error_default_hint(aki_status status)
{
    return row_of(status)->hint;
}

/* A cut message must not end in half a UTF-8 sequence: replies and logs carry it as JSON. */
static void drop_partial_sequence(char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length - (start - 1) < want)
        text[start - 1] = '\0';
}

static void format_into(char *out, size_t room, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static void format_into(char *out, size_t room, const char *format, va_list arguments)
{
    int wanted = vsnprintf(out, room, format, arguments);
    if (wanted < 0)
        out[0] = '\0';
    else if ((size_t)wanted >= room)
        drop_partial_sequence(out, room - 1);
}

static void fill(aki_error *error, aki_status status)
{
    error->status = status;
    error->text_index = AKI_NO_INDEX;
    snprintf(error->hint, sizeof error->hint, "%s", error_default_hint(status));
}

aki_status error_set(aki_error *error, aki_status status, const char *format, ...)
{
    if (error == NULL)
        return status;
    fill(error, status);
    va_list arguments;
    va_start(arguments, format);
    format_into(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

aki_status error_set_errno(aki_error *error, aki_status status, int errno_value, const char *format, ...)
{
    if (error == NULL)
        return status;
    fill(error, status);
    va_list arguments;
    va_start(arguments, format);
    format_into(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    char reason[128];
    /* GNU strerror_r: thread-safe, returns its own or the given buffer. */
    const char *text = strerror_r(errno_value, reason, sizeof reason);
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used, ": %s", text);
    return status;
}

void error_hint(aki_error *error, const char *format, ...)
{
    if (error == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    format_into(error->hint, sizeof error->hint, format, arguments);
    va_end(arguments);
}

void error_at_text(aki_error *error, size_t text_index)
{
    if (error != NULL)
        error->text_index = text_index;
}
