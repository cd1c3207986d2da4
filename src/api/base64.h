/* Base64 of RFC 4648: standard alphabet, with padding. */
#ifndef API_BASE64_H
#define API_BASE64_H

#include "base/buf.h"

/* Appends the text of bytes[0..count). False as buf_append. */
bool base64_append(buf *out, const void *bytes, size_t count);

#endif
