/* One line of a head or trailer section (RFC 9112 section 5): "name: value". */
#ifndef HTTP_CONNECTION_FIELD_LINE_H
#define HTTP_CONNECTION_FIELD_LINE_H

#include "http/fault.h"
#include "http/request.h"

/* True for the characters of a token (RFC 9110 section 5.6.2): of methods and field names. */
bool http_is_token_character(unsigned char c);

/* text[begin..end) is a line without its end; `end` is where its CR is. Ends name and value with NUL, cut to what they are
 * without the blanks around the value, and fills *field. False with *fault. */
bool field_line_parse(char *text, size_t begin, size_t end, http_field *field, http_fault *fault);

/* Where the line that begins at `begin` ends: *end is its CR, *next the byte behind its LF. text[begin..length) is there,
 * `from` says how far it was searched before and is moved on. False: the end is not there yet, or is a bare LF (*fault). */
bool line_find_end(const char *text, size_t *from, size_t length, size_t *end, size_t *next,
                   http_fault *fault);

#endif
