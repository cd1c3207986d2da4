#include "telemetry/trace_context.h"

#include <string.h>

#define LONG_MEMBER 128
#define MAX_KEY 256
#define MAX_VALUE 256

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* False when they are not lower-case hex. */
static bool read_hex(const char *text, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int high = hex_digit(text[2 * i]);
        int low = high >= 0 ? hex_digit(text[2 * i + 1]) : -1;
        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool all_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return any == 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool trace_context_parse(trace_context *context, const char *traceparent)
{
    trace_context read = {0};
    uint8_t version, flags;
    memset(context, 0, sizeof *context);
    if (traceparent == NULL)
        return false;
    while (is_blank(*traceparent))
        traceparent++;
    size_t length = strlen(traceparent);
    while (length > 0 && is_blank(traceparent[length - 1]))
        length--;
    const char *p = traceparent;
    if (length < TRACEPARENT_LENGTH || p[2] != '-' || p[35] != '-' || p[52] != '-')
        return false;
    if (!read_hex(p, &version, 1) || !read_hex(p + 3, read.trace_id, TRACE_ID_BYTES) ||
        !read_hex(p + 36, read.span_id, SPAN_ID_BYTES) || !read_hex(p + 53, &flags, 1))
        return false;
    if (version == 0xff || (version == 0 && length != TRACEPARENT_LENGTH) ||
        (length > TRACEPARENT_LENGTH && p[TRACEPARENT_LENGTH] != '-'))
        return false;
    if (all_zero(read.trace_id, TRACE_ID_BYTES) || all_zero(read.span_id, SPAN_ID_BYTES))
        return false;
    read.flags = flags & (TRACE_SAMPLED | TRACE_RANDOM);
    *context = read;
    return true;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* As level 2 has it, which takes all keys of level 1. */
static bool is_key(const char *key, size_t length)
{
    if (length == 0 || length > MAX_KEY || !is_letter_or_digit(key[0]))
        return false;
    for (size_t i = 1; i < length; i++)
        if (!is_letter_or_digit(key[i]) && memchr("_-*/@", key[i], 5) == NULL)
            return false;
    return true;
}

/* Printable ASCII without comma and equals sign; its end was trimmed of blanks. */
static bool is_value(const char *value, size_t length)
{
    if (length == 0 || length > MAX_VALUE)
        return false;
    for (size_t i = 0; i < length; i++)
        if (value[i] < ' ' || value[i] > '~' || value[i] == ',' || value[i] == '=')
            return false;
    return true;
}

void tracestate_begin(tracestate_reader *reader)
{
    memset(reader, 0, sizeof *reader);
}

/* member: [length], trimmed. False when it is not key=value or the list is full. */
static bool add_member(tracestate_reader *reader, const char *member, size_t length)
{
    const char *equals = memchr(member, '=', length);
    if (equals == NULL)
        return false;
    const size_t key_length = (size_t)(equals - member);
    if (!is_key(member, key_length) || !is_value(equals + 1, length - key_length - 1) ||
        reader->count == TRACESTATE_MAX_MEMBERS)
        return false;
    reader->keys[reader->count] = member;
    reader->key_lengths[reader->count] = key_length;
    reader->lengths[reader->count++] = length;
    return true;
}

void tracestate_add(tracestate_reader *reader, const char *header)
{
    for (const char *p = header; !reader->damaged;) {
        size_t length = strcspn(p, ",");
        const char *end = p + length, *next = *end == ',' ? end + 1 : NULL;
        while (p < end && is_blank(*p))
            p++;
        while (end > p && is_blank(end[-1]))
            end--;
        if (end > p) /* empty members are allowed */
            reader->damaged = !add_member(reader, p, (size_t)(end - p));
        if (next == NULL)
            break;
        p = next;
    }
}

static bool is_repeated(const tracestate_reader *reader, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (reader->key_lengths[i] == reader->key_lengths[index] &&
            memcmp(reader->keys[i], reader->keys[index], reader->key_lengths[i]) == 0)
            return true;
    return false;
}

/* Bytes of all members joined by commas, without the long ones if told so. */
static size_t joined_bytes(const tracestate_reader *reader, bool without_long)
{
    size_t bytes = 0;
    for (size_t i = 0; i < reader->count; i++)
        if (!is_repeated(reader, i) && (!without_long || reader->lengths[i] <= LONG_MEMBER))
            bytes += reader->lengths[i] + (bytes > 0);
    return bytes;
}

void tracestate_finish(const tracestate_reader *reader, trace_context *context)
{
    context->state[0] = '\0';
    if (reader->damaged)
        return;
    const bool without_long = joined_bytes(reader, false) > TRACESTATE_MAX_BYTES;
    size_t used = 0;
    for (size_t i = 0; i < reader->count; i++) {
        const size_t length = reader->lengths[i];
        if (is_repeated(reader, i) || (without_long && length > LONG_MEMBER))
            continue;
        if (used + (used > 0) + length > TRACESTATE_MAX_BYTES)
            break; /* members at the end are the oldest */
        if (used > 0)
            context->state[used++] = ',';
        memcpy(context->state + used, reader->keys[i], length);
        used += length;
    }
    context->state[used] = '\0';
}

void trace_hex(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * count] = '\0';
}

void traceparent_write(const uint8_t trace_id[TRACE_ID_BYTES], const uint8_t span_id[SPAN_ID_BYTES],
                       uint8_t flags, char out[TRACEPARENT_LENGTH + 1])
{
    memcpy(out, "00-", 3);
    trace_hex(trace_id, TRACE_ID_BYTES, out + 3);
    out[35] = '-';
    trace_hex(span_id, SPAN_ID_BYTES, out + 36);
    out[52] = '-';
    trace_hex(&flags, 1, out + 53);
}
