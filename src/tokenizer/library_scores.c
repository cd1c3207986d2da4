#include "tokenizer/library_scores.h"

#include "base/json_scan.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* False when the digit no longer fits: it and all behind it are ignored. */
static bool push_digit(uint64_t *digits, char c)
{
    uint64_t more;
    if (__builtin_mul_overflow(*digits, 10, &more) ||
        __builtin_add_overflow(more, (uint64_t)(c - '0'), &more))
        return false;
    *digits = more;
    return true;
}

/* 10^exponent, 0 to 308, rounded once. */
static double power_of_ten(int exponent)
{
    static const double small[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if ((size_t)exponent < sizeof small / sizeof small[0])
        return small[exponent];
    char text[8];
    snprintf(text, sizeof text, "1e%d", exponent);
    return strtod(text, NULL);
}

static double scaled(uint64_t digits, int exponent)
{
    double value = (double)digits;
    for (; exponent < -308 && value != 0; exponent += 308)
        value /= 1e308;
    if (exponent < -308)
        return value;
    if (exponent > 308)
        return value == 0 ? 0 : INFINITY;
    double power = power_of_ten(exponent < 0 ? -exponent : exponent);
    return exponent < 0 ? value / power : value * power;
}

double library_scores_number(const char *text, size_t length)
{
    size_t at = length > 0 && text[0] == '-';
    bool negative = at == 1, fits = true;
    uint64_t digits = 0;
    int exponent = 0;
    for (; at < length && is_digit(text[at]); at++) {
        fits = fits && push_digit(&digits, text[at]);
        exponent += !fits;
    }
    if (at < length && text[at] == '.')
        for (at++; at < length && is_digit(text[at]); at++) {
            fits = fits && push_digit(&digits, text[at]);
            exponent -= fits;
        }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        bool down = at < length && text[at] == '-';
        at += at < length && (text[at] == '-' || text[at] == '+');
        int given = 0;
        for (; at < length && is_digit(text[at]); at++)
            given = given < 100000 ? 10 * given + (text[at] - '0') : given;
        exponent += down ? -given : given;
    }
    double value = scaled(digits, exponent);
    return negative ? -value : value;
}

/* Finds a member of the object at text[0..length). */
static bool find_member(const char *text, size_t length, const char *name, json_member *member)
{
    json_scan scan;
    json_scan_begin(&scan, text, length);
    while (json_scan_next(&scan, member) == JSON_SCAN_MEMBER)
        if (member->name_length == strlen(name) && memcmp(member->name, name, member->name_length) == 0)
            return true;
    return false;
}

/* Behind the string that begins at `at`. */
static size_t skip_string(const char *text, size_t length, size_t at)
{
    for (at++; at < length && text[at] != '"'; at++)
        at += text[at] == '\\';
    return at + 1;
}

static bool is_of_number(char c)
{
    return is_digit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

size_t library_scores_read(const char *text, size_t length, double *scores, size_t count)
{
    json_member model, vocab;
    if (!find_member(text, length, "model", &model) ||
        !find_member(model.value, model.value_length, "vocab", &vocab))
        return 0;
    size_t found = 0;
    for (size_t at = 0; at < vocab.value_length && found < count;) {
        const char *from = vocab.value + at;
        if (*from == '"') {
            at = skip_string(vocab.value, vocab.value_length, at);
        } else if (!is_of_number(*from)) {
            at++; /* brackets, commas, white space */
        } else {
            size_t end = at;
            while (end < vocab.value_length && is_of_number(vocab.value[end]))
                end++;
            scores[found++] = library_scores_number(from, end - at);
            at = end;
        }
    }
    return found;
}
