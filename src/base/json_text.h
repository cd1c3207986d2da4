/* Writing JSON strings. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include "base/buf.h"

/* Appends text[0..length) as a JSON string, quotes included. Bytes that are not UTF-8 come out as U+FFFD, so that the
 * result is valid whatever the input. False as buf_append. */
bool json_text_append(buf *out, const char *text, size_t length);
/* Writes a string like the function above, and also escapes the characters that utf8.h hides: for JSON that
 * people read on a terminal. */
bool json_text_append_visible(buf *out, const char *text, size_t length);
bool json_text_append_string(buf *out, const char *text);

#endif
