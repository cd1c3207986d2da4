#include "telemetry/percent.h"

#include "base/memory.h"

#include <string.h>

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
