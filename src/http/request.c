#include "http/request.h"

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

const char *http_request_method(const http_request *request)
{
    return request->method > 0 ? request->text + request->method - 1 : "";
}

const char *http_request_target(const http_request *request)
{
    return request->target > 0 ? request->text + request->target - 1 : "";
}

const char *http_request_path(const http_request *request, size_t *length)
{
    static const char *const schemes[] = {"http://", "https://"};
    const char *path = http_request_target(request);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const size_t scheme = strlen(schemes[i]);
        if (strncasecmp(path, schemes[i], scheme) == 0) {
            path += scheme + strcspn(path + scheme, "/?");
            if (*path != '/')
                path = "/";
            break;
        }
    }
    *length = strcspn(path, "?");
    return path;
}

bool http_method_exists(const char *method)
{
    static const char *const methods[] = {"GET",     "HEAD",  "POST",  "PUT",    "DELETE",
                                          "OPTIONS", "TRACE", "PATCH", "CONNECT"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

const char *http_request_header(const http_request *request, const char *name)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcasecmp(http_field_name(request, i), name) == 0)
            return http_field_value(request, i);
    return NULL;
}

void http_request_join(const http_request *request, const char *name, buf *out)
{
    for (size_t i = 0; i < request->count; i++)
        if (strcasecmp(http_field_name(request, i), name) == 0) {
            buf_append_string(out, http_field_value(request, i));
            buf_append_char(out, ',');
        }
}

bool http_list_has(const char *value, const char *token)
{
    const size_t length = strlen(token);
    for (const char *at = value; at != NULL && *at != '\0';) {
        at += strspn(at, ", \t");
        const size_t word = strcspn(at, ", \t");
        if (word == length && strncasecmp(at, token, length) == 0)
            return true;
        at += word;
    }
    return false;
}

static bool is_fit(const char *id)
{
    size_t length = 0;
    for (; id[length] != '\0'; length++)
        if (length == REQUEST_ID_MAX || id[length] < '!' || id[length] > '~')
            return false;
    return length > 0;
}

void request_id_choose(const char *given, char out[REQUEST_ID_MAX + 1])
{
    if (given != NULL && is_fit(given)) {
        memcpy(out, given, strlen(given) + 1);
        return;
    }
    uint64_t random[2];
    /* Fails only in the first moments after the machine's start; an id from the clocks serves as well then. */
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
        random[0] = (uint64_t)clock_wall_ns();
        random[1] = (uint64_t)clock_monotonic_ns();
    }
    snprintf(out, REQUEST_ID_MAX + 1, "%016llx%016llx", (unsigned long long)random[0],
             (unsigned long long)random[1]);
}

#define MS_DIGITS 9
#define GRPC_DIGITS 8

/* The number at the head of the text; its digits are counted. */
static int64_t read_digits(const char *text, size_t most, size_t *digits)
{
    int64_t number = 0;
    *digits = strspn(text, "0123456789");
    for (size_t i = 0; i < *digits && i < most; i++)
        number = number * 10 + (text[i] - '0');
    return number;
}

bool request_timeout_parse_ms(const char *text, int64_t *timeout_ns)
{
    size_t digits;
    int64_t number = read_digits(text, MS_DIGITS, &digits);
    *timeout_ns = number * NS_PER_MS;
    return digits >= 1 && digits <= MS_DIGITS && text[digits] == '\0' && number > 0;
}

bool request_timeout_parse_seconds(const char *text, int64_t *timeout_ns)
{
    size_t digits, decimals = 0;
    int64_t number = read_digits(text, MS_DIGITS - 3, &digits) * 1000, unit = 1000;
    const char *rest = text + digits;
    if (*rest == '.') {
        decimals = strspn(++rest, "0123456789");
        for (size_t i = 0; i < decimals && unit > 1; i++) {
            unit /= 10;
            number += (rest[i] - '0') * unit;
        }
    }
    *timeout_ns = number * NS_PER_MS;
    return digits >= 1 && digits <= MS_DIGITS - 3 && rest[decimals] == '\0' && number > 0;
}

bool request_timeout_parse_grpc(const char *text, int64_t *timeout_ns)
{
    static const char units[] = "HMSmun";
    static const int64_t unit_ns[] = {3600 * NS_PER_S, 60 * NS_PER_S, NS_PER_S, NS_PER_MS, 1000, 1};
    size_t digits;
    int64_t number = read_digits(text, GRPC_DIGITS, &digits);
    if (digits < 1 || digits > GRPC_DIGITS || number == 0 || text[digits] == '\0' || text[digits + 1] != '\0')
        return false;
    const char *unit = strchr(units, text[digits]);
    if (unit == NULL)
        return false;
    if (__builtin_mul_overflow(number, unit_ns[unit - units], timeout_ns))
        *timeout_ns = INT64_MAX; /* as 99999999 hours would be */
    return true;
}

/* The part of the path in the place of {name}: its beginning, with *length; NULL where the path does not match. */
static const char *match(const char *pattern, const char *path, size_t *length)
{
    const char *open = strchr(pattern, '{');
    *length = 0;
    if (open == NULL)
        return strcmp(pattern, path) == 0 ? path : NULL;
    const size_t before = (size_t)(open - pattern), all = strlen(path);
    const char *after = open + strcspn(open, "}") + 1;
    const size_t behind = strlen(after);
    if (all <= before + behind || strncmp(path, pattern, before) != 0 ||
        strcmp(path + all - behind, after) != 0)
        return NULL;
    *length = all - before - behind;
    return path + before;
}

bool route_path_matches(const char *pattern, const char *path)
{
    size_t length;
    return match(pattern, path, &length) != NULL;
}

static int hex_of(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    if (at == NULL)
        return -1;
    const int value = (int)(at - digits);
    return value < 16 ? value : value - 6;
}

void route_path_value(const char *pattern, const char *path, char *out, size_t room)
{
    size_t length, written = 0;
    const char *part = match(pattern, path, &length);
    for (size_t i = 0; part != NULL && i < length && written + 1 < room; i++) {
        const int high = part[i] == '%' && length - i > 2 ? hex_of(part[i + 1]) : -1;
        const int low = high >= 0 ? hex_of(part[i + 2]) : -1;
        out[written++] = low >= 0 ? (char)(high * 16 + low) : part[i];
        i += low >= 0 ? 2 : 0;
    }
    out[written] = '\0';
}
