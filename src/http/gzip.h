/* Content-Encoding: gzip (RFC 1952): request bodies, with bounds against those that blow up, and replies for clients that say
 * that they take it. */
#ifndef HTTP_GZIP_H
#define HTTP_GZIP_H

#include "base/buf.h"

/* Text compresses 3 to 10 times, the same word over and over some hundred times; deflate ends at 1032. */
#define GZIP_MAX_RATIO 256
/* Up to so many bytes any ratio is taken: nothing is to be had from them. */
#define GZIP_FREE_BYTES ((size_t)1 << 20)

typedef enum gzip_outcome {
    GZIP_DONE,
    GZIP_INVALID,   /* not gzip, damaged, cut short, or followed by something else */
    GZIP_TOO_LARGE, /* more than the buffer's maximum, or than GZIP_MAX_RATIO times the compressed bytes */
    GZIP_OUT_OF_MEMORY,
} gzip_outcome;

/* Appends what data[0..length) holds, one gzip member or several, to `out`, whose maximum is the limit. */
gzip_outcome gzip_body_inflate(const char *data, size_t length, buf *out);

/* True where an Accept-Encoding header (NULL = absent) allows gzip: named, or by "*", with a weight that is not 0. */
bool gzip_reply_accepted(const char *accept_encoding);

/* Replaces the contents by their compressed form. False when that cannot be had: the contents are as they were. */
bool gzip_reply_deflate(buf *body);

#endif
