#include "http/request_timeout.h"

#include "base/clock.h"

#include <stddef.h>
#include <string.h>

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
