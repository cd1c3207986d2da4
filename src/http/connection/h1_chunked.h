/* Reads a body with Transfer-Encoding: chunked (RFC 9112 section 7.1) from bytes that come in any pieces.
 *
 * Sizes are hexadecimal digits, less than 2 to the 60, and end in CR LF or in an extension of printable characters.
 * Extensions together, and the trailer section, are bounded; trailers are checked as a head's fields are, and dropped. Each
 * deviation is a fault. Pure. */
#ifndef HTTP_CONNECTION_H1_CHUNKED_H
#define HTTP_CONNECTION_H1_CHUNKED_H

#include "http/reply.h"
#include "http/request.h"

/* Of all extensions of a body together, leading zeros of sizes included. */
#define H1_CHUNKED_EXTENSION_BYTES 16384
/* Of one trailer, and of all together. */
#define H1_CHUNKED_TRAILER_LINE_BYTES 1024
#define H1_CHUNKED_TRAILER_BYTES 16384

typedef enum h1_chunked_place {
    H1_CHUNKED_SIZE,      /* digits of a size */
    H1_CHUNKED_BLANK,     /* behind them, before the semicolon of an extension */
    H1_CHUNKED_EXTENSION, /* behind it, up to CR */
    H1_CHUNKED_SIZE_END,  /* the LF */
    H1_CHUNKED_DATA,
    H1_CHUNKED_DATA_CR,
    H1_CHUNKED_DATA_LF,
    H1_CHUNKED_TRAILER, /* a line of the trailer section, the last one empty */
    H1_CHUNKED_DONE,
} h1_chunked_place;

typedef struct h1_chunked {
    h1_chunked_place place;
    bool digits;   /* the size has some */
    uint64_t left; /* of the chunk: while its size is read, that size */
    size_t extension_bytes, trailer_bytes, trailers, line_bytes;
    char line[H1_CHUNKED_TRAILER_LINE_BYTES]; /* of the trailer that is being read */
    http_fault fault;
} h1_chunked;

void h1_chunked_begin(h1_chunked *c);

/* Reads from data[0..length) and returns how many bytes it took. It stops at a piece of the body, data[*piece..+*bytes), *bytes
 * = 0 where none was found; at the body's end, c->place DONE; and at a fault. Call it again with what is left. */
size_t h1_chunked_read(h1_chunked *c, const char *data, size_t length, size_t *piece, size_t *bytes);

#endif
