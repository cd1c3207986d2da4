#include "reply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a header line, or NULL where the line is another header. */
static const char *header_value(const char *line, const char *end, const char *name)
{
    size_t name_bytes = strlen(name);
    if ((size_t)(end - line) <= name_bytes || line[name_bytes] != ':' ||
        strncasecmp(line, name, name_bytes) != 0)
        return NULL;
    const char *value = line + name_bytes + 1;
    while (value < end && *value == ' ')
        value++;
    return value;
}

/* Digits up to `end`; false where there are none, too many, or something else. */
static bool read_number(const char *text, const char *end, uint64_t *number)
{
    if (text == end || end - text > 18)
        return false;
    for (*number = 0; text < end; text++) {
        if (*text < '0' || *text > '9')
            return false;
        *number = *number * 10 + (uint64_t)(*text - '0');
    }
    return true;
}

reply_parsed reply_parse_head(const char *data, size_t bytes, reply_head *head)
{
    const char *end = memmem(data, bytes, "\r\n\r\n", 4);
    if (end == NULL)
        return bytes > 65536 ? REPLY_MALFORMED : REPLY_INCOMPLETE;
    *head = (reply_head){.head_bytes = (size_t)(end - data) + 4};
    uint64_t number;
    if (head->head_bytes < 16 || memcmp(data, "HTTP/1.1 ", 9) != 0 ||
        !read_number(data + 9, data + 12, &number))
        return REPLY_MALFORMED;
    head->status = (int)number;
    bool has_length = false;
    for (const char *line = data; line < end;) {
        const char *line_end = memmem(line, (size_t)(end + 2 - line), "\r\n", 2), *value;
        if ((value = header_value(line, line_end, "content-length")) != NULL) {
            if (!read_number(value, line_end, &number) || number > SIZE_MAX / 4)
                return REPLY_MALFORMED;
            head->body_bytes = (size_t)number;
            has_length = true;
        } else if ((value = header_value(line, line_end, "connection")) != NULL) {
            head->closes = line_end - value == 5 && strncasecmp(value, "close", 5) == 0;
        } else if ((value = header_value(line, line_end, "retry-after")) != NULL) {
            head->retry_after = read_number(value, line_end, &number);
        }
        line = line_end + 2;
    }
    return has_length ? REPLY_PARSED : REPLY_MALFORMED;
}

static size_t count_bytes(const char *text, size_t bytes, char wanted)
{
    size_t count = 0;
    const char *end = text + bytes;
    while ((text = memchr(text, wanted, (size_t)(end - text))) != NULL) {
        count++;
        text++;
    }
    return count;
}

bool reply_find_vectors(const char *body, size_t bytes, reply_vectors *vectors)
{
    static const char START[] = "{\"embeddings\":[", STOP[] = "],\"model\":", TOKENS[] = "\"total_tokens\":";
    const size_t tail_bytes = 4096; /* what follows the vectors is short: look from there first */
    if (bytes < sizeof START || memcmp(body, START, sizeof START - 1) != 0)
        return false;
    const char *end = body + bytes;
    const char *tail = bytes > tail_bytes ? end - tail_bytes : body;
    const char *stop = memmem(tail, (size_t)(end - tail), STOP, sizeof STOP - 1);
    if (stop == NULL)
        stop = memmem(body, bytes, STOP, sizeof STOP - 1);
    if (stop == NULL)
        return false;
    vectors->text = body + sizeof START - 1;
    vectors->text_bytes = (size_t)(stop - vectors->text);
    vectors->count = *vectors->text == '"' ? count_bytes(vectors->text, vectors->text_bytes, '"') / 2
                                           : count_bytes(vectors->text, vectors->text_bytes, '[');
    const char *tokens = memmem(stop, (size_t)(end - stop), TOKENS, sizeof TOKENS - 1);
    if (tokens == NULL)
        return false;
    tokens += sizeof TOKENS - 1;
    const char *after = tokens;
    while (after < end && *after >= '0' && *after <= '9')
        after++;
    return read_number(tokens, after, &vectors->tokens);
}
