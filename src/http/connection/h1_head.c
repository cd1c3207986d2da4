#include "http/connection/h1_head.h"

#include "http/page_guard.h"

#include <string.h>
#include <strings.h>

#define MAX_METHOD_BYTES 64
/* Of a request line, beside method and target. */
#define LINE_REST_BYTES 16
#define MAX_LINE_BYTES ((size_t)MAX_METHOD_BYTES + HTTP_MAX_TARGET_BYTES + LINE_REST_BYTES)

void h1_head_begin(h1_head *head, size_t max_bytes, http_field *fields)
{
    *head = (h1_head){.max_bytes = max_bytes, .fields = fields};
}

static bool malformed(h1_head *head, const char *message)
{
    return http_fault_set(&head->fault, HTTP_FAULT_MALFORMED, "%s", message);
}

static bool is_target_character(unsigned char c)
{
    return c > ' ' && c < 0x7F && c != '#';
}

/* "HTTP/1.1" at text[begin..end) */
static bool read_version(h1_head *head, const char *text, size_t begin, size_t end, http_request *request)
{
    static const char name[] = "HTTP/";
    const size_t length = sizeof name - 1;
    const char *at = text + begin;
    if (end - begin != length + 3 || memcmp(at, name, length) != 0 || at[length] < '0' || at[length] > '9' ||
        at[length + 1] != '.' || at[length + 2] < '0' || at[length + 2] > '9')
        return malformed(head,
                         "the request line must be a method, a target and HTTP/1.1, with one blank between");
    if (at[length] != '1')
        return http_fault_set(&head->fault, HTTP_FAULT_VERSION, "HTTP/%c.%c is not supported", at[length],
                              at[length + 2]);
    request->version = at[length + 2] == '0' ? HTTP_VERSION_1_0 : HTTP_VERSION_1_1;
    return true;
}

static bool target_too_long(h1_head *head)
{
    return http_fault_set(&head->fault, HTTP_FAULT_TARGET_TOO_LONG,
                          "the request's target has more than the %d bytes allowed", HTTP_MAX_TARGET_BYTES);
}

static bool read_request_line(h1_head *head, char *text, size_t end, http_request *request)
{
    size_t at = head->begin;
    request->version = HTTP_VERSION_1_1;
    while (at < end && http_is_token_character((unsigned char)text[at]))
        at++;
    const size_t method_end = at, method_bytes = at - head->begin, target = at + 1;
    if (method_bytes == 0 || at == end || text[at] != ' ')
        return malformed(head, "the request does not begin with a method and a blank");
    if (method_bytes > MAX_METHOD_BYTES)
        return http_fault_set(&head->fault, HTTP_FAULT_NOT_IMPLEMENTED, "the method's name is too long");
    for (at = target; at < end && is_target_character((unsigned char)text[at]);)
        at++;
    if (at - target > HTTP_MAX_TARGET_BYTES)
        return target_too_long(head);
    if (at == target || at == end || text[at] != ' ')
        return malformed(head, at < end && text[at] != ' '
                                   ? "the request's target holds a character that must be escaped"
                                   : "the request line must be a method, a target and HTTP/1.1, with one "
                                     "blank between");
    if (!read_version(head, text, at + 1, end, request))
        return false;
    text[method_end] = text[at] = text[end] = '\0';
    request->method = (uint32_t)head->begin + 1;
    request->target = (uint32_t)target + 1;
    head->has_line = true;
    return true;
}

static bool read_length(h1_head *head, const char *value, http_request *request)
{
    uint64_t length = 0;
    const size_t digits = strspn(value, "0123456789");
    if (digits == 0 || value[digits] != '\0')
        return malformed(head, "the header Content-Length must be a number in decimal digits");
    for (size_t i = 0; i < digits; i++) {
        if (length > UINT64_MAX / 20)
            return malformed(head, "the header Content-Length is more than any body can have");
        length = length * 10 + (uint64_t)(value[i] - '0');
    }
    request->body_bytes = length;
    request->announced = true;
    return true;
}

/* Codings other than chunked are not implemented; chunked must come last, and once, or the body has no end. */
static bool read_coding(h1_head *head, const char *value, http_request *request)
{
    if (request->version == HTTP_VERSION_1_0)
        return malformed(head, "the header Transfer-Encoding does not exist in HTTP/1.0");
    if (strcasecmp(value, "chunked") == 0) {
        request->chunked = true;
        return true;
    }
    const size_t length = strlen(value), last = sizeof "chunked" - 1;
    if (length == 0)
        return malformed(head, "the header Transfer-Encoding is empty");
    const char *tail = length >= last ? value + length - last : value;
    const bool ends = strcasecmp(tail, "chunked") == 0 &&
                      (tail == value || tail[-1] == ',' || tail[-1] == ' ' || tail[-1] == '\t');
    if (ends ? strcasestr(value, "chunked") != tail : http_list_has(value, "chunked"))
        return malformed(head, "the Transfer-Encoding chunked must be the last one, and once");
    return http_fault_set(&head->fault, HTTP_FAULT_NOT_IMPLEMENTED,
                          "the only Transfer-Encoding supported is chunked, not \"%.64s\"", value);
}

static bool read_field(h1_head *head, char *text, size_t end, http_request *request)
{
    if (request->count == HTTP_MAX_FIELDS)
        return http_fault_set(&head->fault, HTTP_FAULT_HEAD_TOO_LARGE,
                              "the request has more headers than the %d allowed (with its line, %zu bytes)",
                              HTTP_MAX_FIELDS, head->max_bytes);
    http_field *field = &head->fields[request->count];
    if (!field_line_parse(text, head->begin, end, field, &head->fault))
        return false;
    request->count++;
    return true;
}

static size_t authority_bytes(const char *at)
{
    return strcspn(at, "/?");
}

/* The authority of "http://authority/path" must be a host, as that of the header Host, which it replaces; CONNECT has nothing
 * else. Other forms begin with '/' or are "*". */
static bool check_target(h1_head *head, const http_request *request)
{
    const char *target = http_request_target(request), *authority = strstr(target, "://");
    char host[256];
    if (target[0] == '/')
        return true;
    if (strcmp(target, "*") == 0)
        return strcmp(http_request_method(request), "OPTIONS") == 0 ||
               malformed(head, "only OPTIONS has the target \"*\"");
    if (strcmp(http_request_method(request), "CONNECT") == 0)
        authority = target;
    else if (authority == NULL || authority == target)
        return malformed(head, "the request's target must begin with a slash, or be a whole URI");
    else
        authority += 3;
    const size_t length = authority_bytes(authority);
    if (length == 0 || length >= sizeof host)
        return malformed(head, "the URI in the request line names no host");
    memcpy(host, authority, length);
    host[length] = '\0';
    return host_header_valid(host) || malformed(head, "the URI in the request line has no proper host");
}

/* Fields that decide where the request ends, and for whom it is. Only the last of several values is kept. */
typedef struct framing {
    const char *host, *length, *coding;
    unsigned hosts, lengths, codings;
} framing;

static void look_at_fields(h1_head *head, const http_request *request, framing *f)
{
    for (size_t i = 0; i < request->count; i++) {
        const char *name = http_field_name(request, i), *value = http_field_value(request, i);
        if (strcasecmp(name, "Host") == 0) {
            f->host = value;
            f->hosts++;
        } else if (strcasecmp(name, "Content-Length") == 0) {
            f->length = value;
            f->lengths++;
        } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
            f->coding = value;
            f->codings++;
        } else if (strcasecmp(name, "Connection") == 0) {
            head->closes = head->closes || http_list_has(value, "close");
            head->keeps = head->keeps || http_list_has(value, "keep-alive");
        } else if (strcasecmp(name, "Expect") == 0) {
            head->expects = strcasecmp(value, "100-continue") == 0;
        }
    }
}

static bool check_whole(h1_head *head, http_request *request)
{
    framing f = {0};
    look_at_fields(head, request, &f);
    if (f.lengths > 1)
        return malformed(head, "the header Content-Length is there more than once");
    if (f.codings > 1)
        return malformed(head, "the header Transfer-Encoding is there more than once");
    if (f.lengths > 0 && f.codings > 0)
        return malformed(head, "Content-Length and Transfer-Encoding exclude each other");
    if (f.hosts > 1)
        return malformed(head, "the header Host is there more than once");
    if (f.hosts == 0 && request->version != HTTP_VERSION_1_0)
        return malformed(head, "the header Host is missing, which HTTP/1.1 demands");
    if (f.hosts > 0 && !host_header_valid(f.host))
        return malformed(head, "the header Host must be a name or an address, and a port where need be");
    if (!check_target(head, request) || (f.lengths > 0 && !read_length(head, f.length, request)) ||
        (f.codings > 0 && !read_coding(head, f.coding, request)))
        return false;
    if (strcmp(http_request_method(request), "CONNECT") == 0)
        return http_fault_set(&head->fault, HTTP_FAULT_NOT_IMPLEMENTED,
                              "CONNECT is not supported: this server is no proxy");
    return true;
}

/* The request line's end is not within text[0..within). What is wrong with its beginning, or with as much of it as may be, is told
 * now. */
static bool check_unfinished_line(h1_head *head, char *text, size_t within, http_request *request)
{
    if (head->has_line || within <= head->begin)
        return true;
    const char first = text[head->begin];
    if (!http_is_token_character((unsigned char)first) && first != '\r')
        return malformed(head, "the request does not begin with a method and a blank");
    return within - head->begin <= MAX_LINE_BYTES ||
           (read_request_line(head, text, head->begin + MAX_LINE_BYTES, request) &&
            malformed(head, "the request line goes on behind HTTP/1.1"));
}

static bool check_unfinished(h1_head *head, char *text, size_t length, size_t within, http_request *request)
{
    if (!check_unfinished_line(head, text, within, request))
        return false;
    return length <= head->max_bytes ||
           http_fault_set(&head->fault, HTTP_FAULT_HEAD_TOO_LARGE,
                          "request line and headers have more than the %zu bytes allowed", head->max_bytes);
}

/* text[head->begin..end) is a whole line. True: more lines are to come. */
static bool take_line(h1_head *head, char *text, size_t end, http_request *request, bool *whole)
{
    if (end == head->begin && head->has_line) {
        *whole = true;
        return check_whole(head, request);
    }
    if (end == head->begin) {
        if (head->skipped_line)
            return malformed(head, "empty lines come before the request");
        head->skipped_line = true;
        return true;
    }
    return head->has_line ? read_field(head, text, end, request)
                          : read_request_line(head, text, end, request);
}

h1_head_state h1_head_read(h1_head *head, char *text, size_t length, http_request *request)
{
    size_t end, next;
    bool whole = false;
    request->text = text;
    request->fields = head->fields;
    /* Bytes beyond the limit are never looked at: the outcome must not depend on how many of them have come already. */
    const size_t within = length < head->max_bytes ? length : head->max_bytes;
    while (line_find_end(text, &head->from, within, &end, &next, &head->fault)) {
        if (!take_line(head, text, end, request, &whole))
            return H1_HEAD_FAULTY;
        head->begin = request->head_bytes = next;
        if (whole)
            return H1_HEAD_WHOLE;
    }
    if (head->fault.kind != HTTP_FAULT_NONE || !check_unfinished(head, text, length, within, request))
        return H1_HEAD_FAULTY;
    return H1_HEAD_MORE;
}

bool http_is_token_character(unsigned char c)
{
    static const bool is_token[256] = {
        ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
        ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
        ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
    };
    return is_token[c];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Tab, printable ASCII and bytes from 0x80 on (obs-text). */
static bool is_value_character(unsigned char c)
{
    return c == '\t' || (c >= ' ' && c != 0x7F);
}

bool line_find_end(const char *text, size_t *from, size_t length, size_t *end, size_t *next,
                   http_fault *fault)
{
    const char *feed = length > *from ? memchr(text + *from, '\n', length - *from) : NULL;
    if (feed == NULL) {
        *from = length;
        return false;
    }
    const size_t at = (size_t)(feed - text);
    if (at == 0 || text[at - 1] != '\r')
        return http_fault_set(fault, HTTP_FAULT_MALFORMED,
                              "a line ends in a line feed alone: each ends in CR and LF");
    *end = at - 1;
    *next = *from = at + 1;
    return true;
}

bool field_line_parse(char *text, size_t begin, size_t end, http_field *field, http_fault *fault)
{
    size_t at = begin;
    if (is_blank(text[begin]))
        return http_fault_set(fault, HTTP_FAULT_MALFORMED,
                              "a header is continued on a second line: each header is one line of text");
    while (at < end && http_is_token_character((unsigned char)text[at]))
        at++;
    if (at == begin || at == end || text[at] != ':')
        return http_fault_set(fault, HTTP_FAULT_MALFORMED,
                              "a header's name is empty, holds characters that names cannot have, or has no "
                              "colon behind it");
    size_t value = at + 1;
    for (size_t i = value; i < end; i++)
        if (!is_value_character((unsigned char)text[i]))
            return http_fault_set(fault, HTTP_FAULT_MALFORMED, "a header's value holds a control character");
    while (value < end && is_blank(text[value]))
        value++;
    while (end > value && is_blank(text[end - 1]))
        end--;
    text[at] = text[end] = '\0';
    *field = (http_field){.name = (uint32_t)begin, .value = (uint32_t)value};
    return true;
}
