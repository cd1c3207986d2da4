/* Replies compressed with gzip, for clients that say that they take it. */
#ifndef HTTP_GZIP_REPLY_H
#define HTTP_GZIP_REPLY_H

#include "base/buf.h"

/* True where an Accept-Encoding header (NULL = absent) allows gzip: named, or by "*", with a weight that is not 0. */
bool gzip_reply_accepted(const char *accept_encoding);

/* Replaces the contents by their compressed form. False when that cannot be had: the contents are as they were. */
bool gzip_reply_deflate(buf *body);

#endif
