#include "telemetry/otel_values.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOG_TARGET "telemetry"
#define BLANKS " \t\r\n"

static bool read_number(const otel_row *row, const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < row->minimum || value > row->maximum)
        return false;
    *number = value;
    return true;
}

static bool read_ratio(const char *text, double *ratio)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 1))
        return false;
    *ratio = value;
    return true;
}

/* text: [length]. */
static bool read_choice(const otel_row *row, const char *text, size_t length, int64_t *index)
{
    int64_t i = 0;
    for (const char *c = row->choices; *c != '\0'; i++) {
        const size_t choice = strcspn(c, "|");
        if (choice == length && strncasecmp(c, text, length) == 0) {
            *index = i;
            return true;
        }
        c += choice + (c[choice] == '|');
    }
    return false;
}

static bool read_set(const otel_row *row, const char *text, int64_t *bits)
{
    int64_t index, set = 0;
    while (*text != '\0') {
        text += strspn(text, BLANKS ",");
        size_t length = strcspn(text, ","), next = length;
        while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
            length--;
        if (length > 0 && !read_choice(row, text, length, &index))
            return false;
        if (length > 0)
            set |= INT64_C(1) << index;
        text += next;
    }
    *bits = set;
    return true;
}

static bool read_pairs(const char *text)
{
    name_values list;
    const bool whole = name_values_parse(text, &list);
    name_values_free(&list);
    return whole;
}

/* False when the row does not take this text. */
static bool read_value(const otel_row *row, const char *text, otel_value *out)
{
    switch (row->type) {
    case OTEL_TYPE_TEXT:
        return true;
    case OTEL_TYPE_BOOLEAN:
        out->number = strcasecmp(text, "true") == 0;
        return out->number == 1 || strcasecmp(text, "false") == 0;
    case OTEL_TYPE_NUMBER:
        return read_number(row, text, &out->number);
    case OTEL_TYPE_RATIO:
        return read_ratio(text, &out->ratio);
    case OTEL_TYPE_CHOICE:
        return read_choice(row, text, strlen(text), &out->number);
    case OTEL_TYPE_SET:
        return read_set(row, text, &out->number);
    case OTEL_TYPE_PAIRS:
        return read_pairs(text);
    }
    return false;
}

/* Headers hold passwords: their values are not for the log. */
static void warn(const log_sink *log, const otel_row *row, const char *text)
{
    const bool secret = row->type == OTEL_TYPE_PAIRS;
    log_write(log, AKI_LOG_WARN, LOG_TARGET, "%s=%.100s is not understood and counts as not set%s%s%s",
              row->name, secret ? "..." : text, row->choices != NULL ? "; it may be " : "",
              row->choices != NULL ? row->choices : "",
              secret ? "; it is a list of name=value, percent-encoded" : "");
}

static char *copy_trimmed(const char *text)
{
    text += strspn(text, BLANKS);
    size_t length = strlen(text);
    while (length > 0 && strchr(BLANKS, text[length - 1]) != NULL)
        length--;
    return mem_copy_text(text, length);
}

aki_status otel_values_read(otel_values *out, otel_get get, void *cookie, const log_sink *log,
                            aki_error *error)
{
    *out = (otel_values){0};
    for (size_t id = 0; id < OTEL_TOTAL; id++) {
        const otel_row *row = &otel_table[id];
        otel_value *value = &out->of[id];
        const char *raw = get(cookie, row->name);
        char *text = raw != NULL ? copy_trimmed(raw) : NULL;
        if (raw != NULL && text == NULL)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the OTEL_* variables");
        if (text != NULL && *text != '\0' && !read_value(row, text, value))
            warn(log, row, text);
        else if (text != NULL && *text != '\0') {
            value->text = text;
            continue;
        }
        mem_free(text);
        *value = (otel_value){0};
        if (row->default_text != NULL)
            (void)read_value(row, row->default_text, value);
    }
    return AKI_OK;
}

void otel_values_free(otel_values *values)
{
    for (size_t id = 0; id < OTEL_TOTAL; id++)
        mem_free(values->of[id].text);
    *values = (otel_values){0};
}

const char *otel_text(const otel_values *values, otel_id id)
{
    return values->of[id].text != NULL ? values->of[id].text : otel_table[id].default_text;
}

otel_id otel_pick(const otel_values *values, otel_id specific, otel_id general)
{
    return values->of[specific].text != NULL ? specific : general;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool percent_decode(const char *text, size_t length, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            const int high = length - i > 2 ? hex_value(text[i + 1]) : -1;
            const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
            if (low < 0 || (high | low) == 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(const char **begin, const char **end)
{
    while (*begin < *end && is_blank(**begin))
        (*begin)++;
    while (*end > *begin && is_blank((*end)[-1]))
        (*end)--;
}

/* Visible ASCII: a name that a header may have, and more. */
static bool is_name(const char *begin, const char *end)
{
    for (const char *c = begin; c < end; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return end > begin;
}

/* member: [begin, end), trimmed. */
static bool add(name_values *list, const char *begin, const char *end)
{
    const char *equals = memchr(begin, '=', (size_t)(end - begin));
    if (equals == NULL)
        return false;
    const char *name_end = equals, *value = equals + 1;
    trim(&begin, &name_end);
    trim(&value, &end);
    name_value *items = mem_realloc(list->items, list->count + 1, sizeof *items);
    if (items == NULL)
        return false;
    list->items = items;
    name_value *item = &items[list->count++];
    item->name = mem_copy_text(begin, (size_t)(name_end - begin));
    item->value = mem_alloc((size_t)(end - value) + 1, 1);
    return item->name != NULL && item->value != NULL && is_name(begin, name_end) &&
           percent_decode(value, (size_t)(end - value), item->value);
}

bool name_values_parse(const char *text, name_values *out)
{
    *out = (name_values){0};
    while (*text != '\0') {
        const char *end = text + strcspn(text, ","), *next = *end == ',' ? end + 1 : end;
        trim(&text, &end);
        if (end > text && !add(out, text, end)) {
            name_values_free(out);
            return false;
        }
        text = next;
    }
    return true;
}

void name_values_free(name_values *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_free(list->items[i].name);
        mem_free(list->items[i].value);
    }
    mem_free(list->items);
    *list = (name_values){0};
}
