#include "http/connection/h1_chunked.h"

#include "http/connection/h1_head.h"

#include <string.h>

/* Before the last digit: 2 to the 60 is more than any body has. */
#define MAX_SIZE_BITS 56

void h1_chunked_begin(h1_chunked *c)
{
    *c = (h1_chunked){.place = H1_CHUNKED_SIZE};
}

static bool malformed(h1_chunked *c, const char *message)
{
    return http_fault_set(&c->fault, HTTP_FAULT_MALFORMED, "%s", message);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool spend_extension(h1_chunked *c)
{
    return ++c->extension_bytes <= H1_CHUNKED_EXTENSION_BYTES ||
           http_fault_set(&c->fault, HTTP_FAULT_MALFORMED,
                          "the extensions of the body's chunks have more than the %d bytes allowed",
                          H1_CHUNKED_EXTENSION_BYTES);
}

static bool end_size(h1_chunked *c, char byte)
{
    if (!c->digits)
        return malformed(c, "a chunk's size is missing or not in hexadecimal digits");
    if (byte == '\r')
        c->place = H1_CHUNKED_SIZE_END;
    else if (byte == ';')
        c->place = H1_CHUNKED_EXTENSION;
    else if (c->place == H1_CHUNKED_SIZE && (byte == ' ' || byte == '\t'))
        c->place = H1_CHUNKED_BLANK;
    else
        return malformed(c, "a chunk's size is not in hexadecimal digits");
    return byte == '\r' || spend_extension(c);
}

/* Blanks are allowed before an extension only. */
static bool take_blank(h1_chunked *c, char byte)
{
    if (byte != ' ' && byte != '\t' && byte != ';')
        return malformed(c, "a chunk's size is followed by a blank");
    c->place = byte == ';' ? H1_CHUNKED_EXTENSION : H1_CHUNKED_BLANK;
    return spend_extension(c);
}

static bool take_size(h1_chunked *c, char byte)
{
    const int digit = hex_digit(byte);
    if (digit < 0)
        return end_size(c, byte);
    if (c->left == 0 && c->digits && !spend_extension(c))
        return false; /* a leading zero */
    if (c->left >> MAX_SIZE_BITS != 0)
        return malformed(c, "a chunk's size is more than any body can have");
    c->left = c->left << 4 | (uint64_t)digit;
    c->digits = true;
    return true;
}

static bool take_extension(h1_chunked *c, char byte)
{
    if (byte == '\r') {
        c->place = H1_CHUNKED_SIZE_END;
        return true;
    }
    if (((unsigned char)byte < ' ' && byte != '\t') || byte == 0x7F)
        return malformed(c, "a chunk's extension holds a control character");
    return spend_extension(c);
}

static bool take_size_end(h1_chunked *c, char byte)
{
    if (byte != '\n')
        return malformed(c, "the line of a chunk's size does not end in CR and LF");
    c->place = c->left > 0 ? H1_CHUNKED_DATA : H1_CHUNKED_TRAILER;
    c->digits = false;
    return true;
}

static bool take_data_end(h1_chunked *c, char byte)
{
    if (byte != (c->place == H1_CHUNKED_DATA_CR ? '\r' : '\n'))
        return malformed(c, "a chunk is longer than its size says");
    c->place = c->place == H1_CHUNKED_DATA_CR ? H1_CHUNKED_DATA_LF : H1_CHUNKED_SIZE;
    return true;
}

static bool end_trailer(h1_chunked *c)
{
    http_field field;
    if (c->line_bytes < 2 || c->line[c->line_bytes - 2] != '\r')
        return malformed(c, "a trailer's line does not end in CR and LF");
    const size_t end = c->line_bytes - 2;
    c->line_bytes = 0;
    if (end == 0) {
        c->place = H1_CHUNKED_DONE;
        return true;
    }
    if (++c->trailers > HTTP_MAX_FIELDS)
        return http_fault_set(&c->fault, HTTP_FAULT_HEAD_TOO_LARGE,
                              "the body has more trailers than the %d allowed", HTTP_MAX_FIELDS);
    return field_line_parse(c->line, 0, end, &field, &c->fault);
}

static bool take_trailer(h1_chunked *c, char byte)
{
    if (c->line_bytes == sizeof c->line || ++c->trailer_bytes > H1_CHUNKED_TRAILER_BYTES)
        return http_fault_set(&c->fault, HTTP_FAULT_HEAD_TOO_LARGE,
                              "a trailer has more than the %zu bytes allowed, or all have more than %d",
                              sizeof c->line, H1_CHUNKED_TRAILER_BYTES);
    c->line[c->line_bytes++] = byte;
    return byte != '\n' || end_trailer(c);
}

static bool take(h1_chunked *c, char byte)
{
    switch (c->place) {
    case H1_CHUNKED_SIZE:
        return take_size(c, byte);
    case H1_CHUNKED_BLANK:
        return take_blank(c, byte);
    case H1_CHUNKED_EXTENSION:
        return take_extension(c, byte);
    case H1_CHUNKED_SIZE_END:
        return take_size_end(c, byte);
    case H1_CHUNKED_DATA_CR:
    case H1_CHUNKED_DATA_LF:
        return take_data_end(c, byte);
    case H1_CHUNKED_TRAILER:
        return take_trailer(c, byte);
    case H1_CHUNKED_DATA:
    case H1_CHUNKED_DONE:
        break;
    }
    return true;
}

size_t h1_chunked_read(h1_chunked *c, const char *data, size_t length, size_t *piece, size_t *bytes)
{
    size_t at = 0;
    *bytes = *piece = 0;
    while (at < length && c->place != H1_CHUNKED_DONE) {
        if (c->place != H1_CHUNKED_DATA) {
            if (!take(c, data[at++]))
                return at;
            continue;
        }
        const uint64_t there = length - at;
        *piece = at;
        *bytes = (size_t)(there < c->left ? there : c->left);
        c->left -= *bytes;
        if (c->left == 0)
            c->place = H1_CHUNKED_DATA_CR;
        return at + *bytes;
    }
    return at;
}
