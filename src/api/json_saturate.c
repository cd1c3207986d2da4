#include "api/json_saturate.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* No longer than any real that is beyond a double, such as 1e309. */
#define MOST_REAL "1e308"

/* `at` is behind the opening quote. Returns where the closing one is, or the end. */
static const char *skip_string(const char *at, const char *end)
{
    while (at < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Exactly a number of JSON without its sign: what is none shall stay what the parser refuses. */
static bool is_number(const char *at, const char *end, bool *integer)
{
    const char *behind = skip_digits(at, end);
    if (behind == at || (*at == '0' && behind - at > 1))
        return false;
    *integer = behind == end;
    if (behind < end && *behind == '.') {
        at = behind + 1;
        behind = skip_digits(at, end);
        if (behind == at)
            return false;
    }
    if (behind < end && (*behind == 'e' || *behind == 'E')) {
        at = behind + 1;
        at += at < end && (*at == '+' || *at == '-');
        behind = skip_digits(at, end);
        if (behind == at)
            return false;
    }
    return behind == end;
}

/* The text to put in the place of a number, which stands without its sign; NULL = the number fits. Behind `end` is a byte that strtod stops at. */
static const char *replacement(const char *digits, const char *end, bool negative)
{
    const char *most = negative ? "9223372036854775808" : "9223372036854775807";
    const size_t length = (size_t)(end - digits);
    bool integer = false;
    if (!is_number(digits, end, &integer))
        return NULL;
    if (!integer)
        return isinf(strtod(digits, NULL)) ? MOST_REAL : NULL;
    if (length < strlen(most) || (length == strlen(most) && memcmp(digits, most, length) <= 0))
        return NULL;
    return most;
}

char *json_saturate(const char *text, size_t length)
{
    char *copy = mem_alloc(length, 1);
    const char *end = text + length, *at = text;
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    while (at < end) {
        if (*at == '"') {
            at = skip_string(at + 1, end) + 1;
            continue;
        }
        const char *digits = at + (*at == '-'), *behind = digits;
        while (behind < end && *behind != '\0' && strchr("0123456789+-.eE", *behind) != NULL)
            behind++;
        const char *most = behind > digits && behind < end ? replacement(digits, behind, digits > at) : NULL;
        if (most != NULL) {
            memset(copy + (digits - text), ' ', (size_t)(behind - digits));
            memcpy(copy + (digits - text), most, strlen(most));
        }
        at = behind > at ? behind : at + 1;
    }
    return copy;
}
