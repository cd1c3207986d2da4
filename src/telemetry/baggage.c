#include "telemetry/baggage.h"

#include "base/utf8.h"
#include "telemetry/percent.h"

#include <string.h>

#define BLANKS " \t"
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void baggage_begin(baggage *b)
{
    b->count = 0;
    b->header_bytes = 0;
    b->used = 0;
}

static bool is_token_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* baggage-octet: visible ASCII but for quote, comma, semicolon and backslash. */
static bool is_value_character(char c)
{
    return c > ' ' && c <= '~' && c != '"' && c != ',' && c != ';' && c != '\\';
}

static bool all_of(const char *text, size_t length, bool (*is)(char))
{
    for (size_t i = 0; i < length; i++)
        if (!is(text[i]))
            return false;
    return true;
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && strchr(BLANKS, **text) != NULL) {
        (*text)++;
        (*length)--;
    }
    while (*length > 0 && strchr(BLANKS, (*text)[*length - 1]) != NULL)
        (*length)--;
}

static const char *keep(baggage *b, const char *text, size_t length)
{
    char *own = b->text + b->used;
    memcpy(own, text, length);
    own[length] = '\0';
    b->used += length + 1;
    return own;
}

/* Decodes and keeps a value; NULL when its encoding is damaged. */
static const char *keep_value(baggage *b, const char *text, size_t length)
{
    char decoded[BAGGAGE_MAX_BYTES + 1];
    size_t bad;
    if (!percent_decode(text, length, decoded))
        return NULL;
    const char *own = b->text + b->used;
    const char *rest = decoded;
    size_t left = strlen(decoded);
    while (!utf8_valid(rest, left, &bad)) {
        memcpy(b->text + b->used, rest, bad);
        memcpy(b->text + b->used + bad, REPLACEMENT, sizeof REPLACEMENT - 1);
        b->used += bad + sizeof REPLACEMENT - 1;
        rest += bad + 1;
        left -= bad + 1;
    }
    keep(b, rest, left);
    return own;
}

static baggage_member *find(baggage *b, const char *key, size_t length)
{
    for (size_t i = 0; i < b->count; i++)
        if (strncmp(b->members[i].key, key, length) == 0 && b->members[i].key[length] == '\0')
            return &b->members[i];
    return NULL;
}

/* member: [length], properties included. */
static void add_member(baggage *b, const char *member, size_t length)
{
    const char *end = memchr(member, ';', length);
    const size_t pair = end != NULL ? (size_t)(end - member) : length;
    const char *equals = memchr(member, '=', pair);
    if (equals == NULL)
        return;
    const char *key = member, *value = equals + 1;
    size_t key_length = (size_t)(equals - member), value_length = pair - key_length - 1;
    trim(&key, &key_length);
    trim(&value, &value_length);
    if (key_length == 0 || !all_of(key, key_length, is_token_character) ||
        !all_of(value, value_length, is_value_character))
        return;
    baggage_member *known = find(b, key, key_length);
    if (known == NULL && b->count == BAGGAGE_MAX_MEMBERS)
        return;
    const size_t used = b->used;
    const char *own = keep_value(b, value, value_length);
    if (own == NULL) {
        b->used = used;
    } else if (known != NULL) {
        known->value = own;
    } else {
        b->members[b->count++] = (baggage_member){keep(b, key, key_length), own};
    }
}

void baggage_add(baggage *b, const char *header)
{
    while (*header != '\0') {
        const char *member = header;
        size_t length = strcspn(header, ",");
        header += length + (header[length] == ',');
        trim(&member, &length);
        if (length == 0)
            continue;
        /* With its comma; what does not fit is left out whole, and what comes after it too. */
        if (b->header_bytes + length + (b->header_bytes > 0) > BAGGAGE_MAX_BYTES) {
            b->header_bytes = BAGGAGE_MAX_BYTES;
            return;
        }
        b->header_bytes += length + (b->header_bytes > 0);
        add_member(b, member, length);
    }
}

const char *baggage_value(const baggage *b, const char *key)
{
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->members[i].key, key) == 0)
            return b->members[i].value;
    return NULL;
}
