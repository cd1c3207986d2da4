#include "api/json_faults.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define ESCAPE_BYTES 6 /* "\ud800" */

/* State of the scan: where it is in the outermost object. */
typedef struct walk {
    json_faults *out;
    const char *text, *end, *key;
    size_t depth;
    char last;               /* the last of {}[],: outside strings */
    bool list_next;          /* the last key was that of the list */
    bool in_list, list_seen; /* a second list of that name does not count */
    size_t element;
} walk;

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the escape \uXXXX at `at`; -1 = there is none. */
static int code_unit(const char *at, const char *end)
{
    int unit = 0;
    if (end - at < ESCAPE_BYTES || at[0] != '\\' || at[1] != 'u')
        return -1;
    for (int i = 2; i < ESCAPE_BYTES; i++) {
        const int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool is_high(int unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(int unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* A quick search for anything that may be a fault. */
static bool may_have_faults(const char *text, size_t length)
{
    const char *end = text + length, *at = text;
    if (!utf8_valid(text, length, NULL))
        return true;
    while ((at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
        const int unit = code_unit(at, end);
        if (is_high(unit) || is_low(unit))
            return true;
        at += end - at > 2 ? 2 : end - at;
    }
    return false;
}

static bool add_fault(json_faults *out, const json_fault *fault)
{
    if (out->count > 0 && out->faults[out->count - 1].element == fault->element)
        return true;
    if (out->count == out->room) {
        const size_t room = out->room > 0 ? 2 * out->room : 16;
        json_fault *grown = mem_realloc(out->faults, room, sizeof *grown);
        if (grown == NULL)
            return false;
        out->faults = grown;
        out->room = room;
    }
    out->faults[out->count++] = *fault;
    return true;
}

/* Records a fault of `length` bytes of JSON and writes a valid replacement into the copy. False = out of memory. */
static bool repair(walk *w, const char *at, size_t length, json_fault fault)
{
    json_faults *out = w->out;
    const size_t bytes = (size_t)(w->end - w->text);
    if (out->repaired == NULL) {
        out->repaired = mem_alloc(bytes, 1);
        if (out->repaired == NULL)
            return false;
        memcpy(out->repaired, w->text, bytes);
    }
    fault.position = (size_t)(at - w->text);
    fault.element = w->in_list ? w->element : SIZE_MAX;
    memcpy(out->repaired + fault.position, length == 1 ? "?" : "\\ufffd", length);
    return add_fault(out, &fault);
}

static bool repair_half(walk *w, const char *at, int unit, size_t offset)
{
    json_fault fault = {.offset = offset, .length = 3};
    fault.bytes[0] = (char)(0xE0 | unit >> 12);
    fault.bytes[1] = (char)(0x80 | (unit >> 6 & 0x3F));
    fault.bytes[2] = (char)(0x80 | (unit & 0x3F));
    return repair(w, at, ESCAPE_BYTES, fault);
}

/* Reads the escape at *at, with `left` bytes there; moves *at behind it, and adds to *offset the length that it
 * decodes to. False = out of memory. */
static bool take_escape(walk *w, const char **at, size_t *offset)
{
    const int unit = code_unit(*at, w->end), next = code_unit(*at + (unit >= 0 ? ESCAPE_BYTES : 0), w->end);
    if (unit < 0) {
        *at += w->end - *at > 1 ? 2 : 1;
        *offset += 1;
        return true;
    }
    if (is_high(unit) && is_low(next)) {
        *at += (size_t)2 * ESCAPE_BYTES;
        *offset += 4;
        return true;
    }
    if ((is_high(unit) || is_low(unit)) && !repair_half(w, *at, unit, *offset))
        return false;
    *at += ESCAPE_BYTES;
    *offset += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    return true;
}

/* The length of the valid UTF-8 sequence at `at`; 0 = not valid. */
static size_t sequence_bytes(const char *at, const char *end)
{
    const unsigned char lead = (unsigned char)*at;
    const size_t bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return bytes <= (size_t)(end - at) && utf8_valid(at, bytes, NULL) ? bytes : 0;
}

/* Scans the string whose first character is at `at`. Returns its closing quote or the end of the text; NULL = out of
 * memory. */
static const char *walk_string(walk *w, const char *at)
{
    size_t offset = 0;
    while (at < w->end && *at != '"') {
        if (*at == '\\') {
            if (!take_escape(w, &at, &offset))
                return NULL;
        } else if ((unsigned char)*at < 0x80) {
            at++;
            offset++;
        } else {
            const size_t bytes = sequence_bytes(at, w->end);
            if (bytes == 0 && !repair(w, at, 1, (json_fault){.offset = offset, .length = 1, .bytes = {*at}}))
                return NULL;
            at += bytes > 0 ? bytes : 1;
            offset += bytes > 0 ? bytes : 1;
        }
    }
    return at;
}

static void walk_structure(walk *w, char c)
{
    if (c == '[' || c == '{') {
        w->depth++;
        if (c == '[' && w->depth == 2 && w->last == ':' && w->list_next && !w->list_seen)
            w->in_list = w->list_seen = true;
    } else if (c == ']' || c == '}') {
        w->depth -= w->depth > 0;
        w->in_list = w->in_list && w->depth >= 2;
    } else if (c == ',' && w->in_list && w->depth == 2) {
        w->element++;
    }
    w->last = c;
}

bool json_faults_find(json_faults *out, const char *text, size_t length, const char *key)
{
    walk w = {.out = out, .text = text, .end = text + length, .key = key};
    const size_t key_bytes = strlen(key);
    *out = (json_faults){0};
    if (!may_have_faults(text, length))
        return true;
    for (const char *at = text; at < w.end; at++) {
        if (*at == '"') {
            const char *begin = at + 1;
            at = walk_string(&w, begin);
            if (at == NULL)
                return false;
            if (w.depth == 1 && w.last != ':')
                w.list_next = (size_t)(at - begin) == key_bytes && memcmp(begin, key, key_bytes) == 0;
        } else if (*at != '\0' && strchr("{}[],:", *at) != NULL) {
            walk_structure(&w, *at);
        } else if ((unsigned char)*at >= 0x80 &&
                   !repair(&w, at, 1, (json_fault){.length = 1, .bytes = {*at}})) {
            return false;
        }
        if (out->count > 0 && out->faults[out->count - 1].element == SIZE_MAX)
            return true;
    }
    return true;
}

void json_faults_free(json_faults *faults)
{
    mem_free(faults->faults);
    mem_free(faults->repaired);
    *faults = (json_faults){0};
}
