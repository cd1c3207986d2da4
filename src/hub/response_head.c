#include "hub/response_head.h"

#include <string.h>
#include <strings.h>

static void new_answer(response_head *head)
{
    head->etag[0] = '\0';
    head->content_length = head->range_start = head->range_length = -1;
}

void response_head_init(response_head *head)
{
    memset(head, 0, sizeof *head);
    head->linked_size = -1;
    new_answer(head);
}

/* Decimal digits up to `end`; -1 for anything else. */
static int64_t parse_number(const char *text, const char *end)
{
    int64_t number = 0;
    if (text == end)
        return -1;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *text - '0', &number))
            return -1;
    }
    return number;
}

static void parse_range(response_head *head, const char *value)
{
    static const char unit[] = "bytes ";
    if (strncasecmp(value, unit, sizeof unit - 1) != 0)
        return;
    value += sizeof unit - 1;
    const char *dash = strchr(value, '-'), *slash = strchr(value, '/');
    if (dash == NULL || slash == NULL || dash > slash)
        return;
    head->range_start = parse_number(value, dash);
    head->range_length = parse_number(slash + 1, slash + 1 + strlen(slash + 1));
}

/* Part of messages: letters only. */
static void take_error_code(response_head *head, const char *value)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    size_t length = strlen(value);
    if (length < sizeof head->error_code && strspn(value, letters) == length)
        memcpy(head->error_code, value, length + 1);
}

static void take_field(response_head *head, const char *name, const char *value)
{
    const char *end = value + strlen(value);
    if (strcasecmp(name, "x-repo-commit") == 0)
        memcpy(head->repo_commit, value, (size_t)(end - value) + 1);
    else if (strcasecmp(name, "x-linked-etag") == 0)
        memcpy(head->linked_etag, value, (size_t)(end - value) + 1);
    else if (strcasecmp(name, "x-error-code") == 0)
        take_error_code(head, value);
    else if (strcasecmp(name, "etag") == 0)
        memcpy(head->etag, value, (size_t)(end - value) + 1);
    else if (strcasecmp(name, "x-linked-size") == 0)
        head->linked_size = parse_number(value, end);
    else if (strcasecmp(name, "content-length") == 0)
        head->content_length = parse_number(value, end);
    else if (strcasecmp(name, "content-range") == 0)
        parse_range(head, value);
}

void response_head_line(response_head *head, const char *line, size_t length)
{
    static const char http[] = "HTTP/";
    if (length > sizeof http - 1 && memcmp(line, http, sizeof http - 1) == 0) {
        const char *space = memchr(line, ' ', length);
        new_answer(head);
        head->status = 0;
        if (space != NULL && length - (size_t)(space - line) > 3)
            head->status = (long)parse_number(space + 1, space + 4);
        return;
    }
    const char *colon = memchr(line, ':', length);
    if (colon == NULL)
        return;
    const char *start = colon + 1, *end = line + length;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (end > start && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    char name[32], value[RESPONSE_FIELD_MAX];
    size_t name_length = (size_t)(colon - line), value_length = (size_t)(end - start);
    if (name_length >= sizeof name || value_length >= sizeof value ||
        memchr(start, '\0', value_length) != NULL)
        return;
    memcpy(name, line, name_length);
    name[name_length] = '\0';
    memcpy(value, start, value_length);
    value[value_length] = '\0';
    take_field(head, name, value);
}
