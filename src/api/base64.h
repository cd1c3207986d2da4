/* Base64 of RFC 4648: standard alphabet, with padding. */
#ifndef API_BASE64_H
#define API_BASE64_H

#include "base/buf.h"

/* Appends the text of bytes[0..count). False as buf_append. */
bool base64_append(buf *out, const void *bytes, size_t count);

/* Appends the bytes of text[0..length). False also where the text is not base64 with its padding; what was appended is then
 * of no use. */
bool base64_decode(buf *out, const char *text, size_t length);

#endif
