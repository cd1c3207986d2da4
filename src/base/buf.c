#include "base/buf.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_CAPACITY 256

void buf_init(buf *b, size_t max_bytes)
{
    *b = (buf){.max_bytes = max_bytes};
}

void buf_free(buf *b)
{
    mem_free(b->data);
    buf_init(b, b->max_bytes);
}

void buf_clear(buf *b)
{
    b->length = 0;
    b->failed = false;
    if (b->data != NULL)
        b->data[0] = '\0';
}

char *buf_reserve(buf *b, size_t more)
{
    size_t wanted; /* one byte more than the contents, for the terminating NUL */
    if (b->failed || !size_add(b->length, more, &wanted) || wanted > b->max_bytes ||
        !size_add(wanted, 1, &wanted)) {
        b->failed = true;
        return NULL;
    }
    if (wanted > b->capacity) {
        size_t capacity = b->capacity > 0 ? b->capacity : FIRST_CAPACITY;
        while (capacity < wanted)
            if (!size_mul(capacity, 2, &capacity))
                capacity = wanted;
        if (capacity > b->max_bytes && b->max_bytes + 1 >= wanted)
            capacity = b->max_bytes + 1;
        char *data = mem_realloc(b->data, capacity, 1);
        if (data == NULL) {
            b->failed = true;
            return NULL;
        }
        b->data = data;
        b->capacity = capacity;
    }
    return b->data + b->length;
}

void buf_commit(buf *b, size_t written)
{
    b->length += written;
    b->data[b->length] = '\0';
}

bool buf_append(buf *b, const void *bytes, size_t count)
{
    char *room = buf_reserve(b, count);
    if (room == NULL)
        return false;
    if (count > 0)
        memcpy(room, bytes, count);
    buf_commit(b, count);
    return true;
}

bool buf_append_string(buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

bool buf_append_char(buf *b, char c)
{
    return buf_append(b, &c, 1);
}

bool buf_printf(buf *b, const char *format, ...)
{
    if (b->failed)
        return false;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    size_t room = b->capacity - b->length; /* the NUL's included; often enough, and then all is done */
    int wanted = vsnprintf(room > 0 ? b->data + b->length : NULL, room, format, arguments);
    va_end(arguments);
    char *place = wanted < 0 ? NULL : buf_reserve(b, (size_t)wanted);
    if (place != NULL) {
        if ((size_t)wanted >= room)
            vsnprintf(place, (size_t)wanted + 1, format, again);
        buf_commit(b, (size_t)wanted);
    } else {
        b->failed = true;
        if (room > 0)
            b->data[b->length] = '\0';
    }
    va_end(again);
    return place != NULL;
}

char *buf_take(buf *b, size_t *length)
{
    if (b->failed)
        return NULL;
    char *data = b->data;
    *length = b->length;
    buf_init(b, b->max_bytes);
    return data;
}
