#include "base/json_scan.h"

#include "base/utf8.h"

#include <string.h>

void json_scan_begin(json_scan *scan, const char *text, size_t length)
{
    *scan = (json_scan){.text = text, .length = length};
}

static bool fail(json_scan *scan, size_t at, const char *fault)
{
    scan->fault = fault;
    scan->fault_column = at < scan->length ? at + 1 : scan->length;
    return false;
}

/* The byte at the current place; '\0' at the end, which is not valid outside of a string either. */
static char peek(const json_scan *scan)
{
    return scan->at < scan->length ? scan->text[scan->at] : '\0';
}

static void skip_space(json_scan *scan)
{
    while (scan->at < scan->length && (scan->text[scan->at] == ' ' || scan->text[scan->at] == '\t' ||
                                       scan->text[scan->at] == '\n' || scan->text[scan->at] == '\r'))
        scan->at++;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool skip_escape(json_scan *scan)
{
    size_t backslash = scan->at++;
    char c = peek(scan);
    if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
        return fail(scan, backslash, "an escape that JSON does not have");
    scan->at++;
    for (size_t i = 0; c == 'u' && i < 4; i++, scan->at++)
        if (!is_hex(peek(scan)))
            return fail(scan, backslash, "four hexadecimal digits expected after \\u");
    return true;
}

static bool skip_string(json_scan *scan)
{
    for (scan->at++; scan->at < scan->length;) {
        char c = scan->text[scan->at];
        if (c == '"') {
            scan->at++;
            return true;
        }
        if ((unsigned char)c < 0x20)
            return fail(scan, scan->at, "a control character in a string");
        if (c != '\\')
            scan->at++;
        else if (!skip_escape(scan))
            return false;
    }
    return fail(scan, scan->at, "'\"' expected");
}

static bool skip_digits(json_scan *scan)
{
    if (!is_digit(peek(scan)))
        return fail(scan, scan->at, "a digit expected");
    while (is_digit(peek(scan)))
        scan->at++;
    return true;
}

static bool skip_number(json_scan *scan)
{
    scan->at += peek(scan) == '-';
    if (peek(scan) == '0')
        scan->at++;
    else if (!skip_digits(scan))
        return false;
    if (peek(scan) == '.') {
        scan->at++;
        if (!skip_digits(scan))
            return false;
    }
    if (peek(scan) != 'e' && peek(scan) != 'E')
        return true;
    scan->at++;
    scan->at += peek(scan) == '+' || peek(scan) == '-';
    return skip_digits(scan);
}

static bool skip_scalar(json_scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};
    char c = peek(scan);
    if (c == '"')
        return skip_string(scan);
    if (c == '-' || is_digit(c))
        return skip_number(scan);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        if (scan->length - scan->at >= length && memcmp(scan->text + scan->at, words[i], length) == 0) {
            scan->at += length;
            return true;
        }
    }
    return fail(scan, scan->at, "a value expected");
}

/* A name with its colon. */
static bool skip_name(json_scan *scan)
{
    skip_space(scan);
    if (peek(scan) != '"')
        return fail(scan, scan->at, "a name in quotes expected");
    if (!skip_string(scan))
        return false;
    skip_space(scan);
    if (peek(scan) != ':')
        return fail(scan, scan->at, "':' expected");
    scan->at++;
    return true;
}

/* One bit for each open array or object: set for objects. */
typedef struct nesting {
    unsigned char bits[JSON_SCAN_MAX_DEPTH / 8];
    size_t depth;
} nesting;

static bool in_object(const nesting *open)
{
    return (open->bits[(open->depth - 1) / 8] >> (open->depth - 1) % 8 & 1) != 0;
}

static void enter(nesting *open, bool object)
{
    unsigned char bit = (unsigned char)(1U << open->depth % 8);
    unsigned char *byte = &open->bits[open->depth++ / 8];
    *byte = (unsigned char)(object ? *byte | bit : *byte & ~bit);
}

/* After a value: closes the arrays and objects that end here, up to the beginning of the next value or until none is
 * open. */
static bool close_ended(json_scan *scan, nesting *open)
{
    while (open->depth > 0) {
        bool object = in_object(open);
        skip_space(scan);
        if (peek(scan) == ',') {
            scan->at++;
            return !object || skip_name(scan);
        }
        if (peek(scan) != (object ? '}' : ']'))
            return fail(scan, scan->at, object ? "',' or '}' expected" : "',' or ']' expected");
        scan->at++;
        open->depth--;
    }
    return true;
}

/* A whole value, without recursion: a hostile text must not exhaust the stack. */
static bool skip_value(json_scan *scan)
{
    nesting open;
    open.depth = 0;
    do {
        skip_space(scan);
        char c = peek(scan);
        if (c == '{' || c == '[') {
            if (open.depth == JSON_SCAN_MAX_DEPTH)
                return fail(scan, scan->at, "nested too deeply");
            enter(&open, c == '{');
            scan->at++;
            skip_space(scan);
            if (peek(scan) != (c == '{' ? '}' : ']')) {
                if (c == '{' && !skip_name(scan))
                    return false;
                continue;
            }
        } else if (!skip_scalar(scan)) {
            return false;
        }
        if (!close_ended(scan, &open))
            return false;
    } while (open.depth > 0);
    return true;
}

static bool at_end(json_scan *scan)
{
    skip_space(scan);
    return scan->at == scan->length || fail(scan, scan->at, "the end expected");
}

static bool begin(json_scan *scan)
{
    size_t bad;
    scan->begun = true;
    if (scan->length >= 3 && memcmp(scan->text, "\xEF\xBB\xBF", 3) == 0)
        return fail(scan, 0, "a byte order mark (U+FEFF) before the value");
    if (!utf8_valid(scan->text, scan->length, &bad))
        return fail(scan, bad, "a byte that is not valid UTF-8");
    skip_space(scan);
    return true;
}

json_scan_outcome json_scan_next(json_scan *scan, json_member *member)
{
    bool first = !scan->begun;
    if (first) {
        if (!begin(scan))
            return JSON_SCAN_FAULT;
        if (peek(scan) != '{')
            return skip_value(scan) && at_end(scan) ? JSON_SCAN_NOT_OBJECT : JSON_SCAN_FAULT;
        scan->at++;
    }
    skip_space(scan);
    if (peek(scan) == '}') {
        scan->at++;
        return at_end(scan) ? JSON_SCAN_END : JSON_SCAN_FAULT;
    }
    if (!first) {
        if (peek(scan) != ',') {
            fail(scan, scan->at, "',' or '}' expected");
            return JSON_SCAN_FAULT;
        }
        scan->at++;
        skip_space(scan);
    }
    size_t name = scan->at + 1;
    if (!skip_name(scan))
        return JSON_SCAN_FAULT;
    size_t name_end = scan->at;
    while (scan->text[name_end - 1] != '"') /* back over the colon and white space */
        name_end--;
    skip_space(scan);
    size_t value = scan->at;
    if (!skip_value(scan))
        return JSON_SCAN_FAULT;
    *member = (json_member){.name = scan->text + name,
                            .name_length = name_end - 1 - name,
                            .value = scan->text + value,
                            .value_length = scan->at - value};
    return JSON_SCAN_MEMBER;
}
