#include "http/gzip_reply.h"

#include "base/accept.h"

#include <stdint.h>
#include <zlib.h>

/* zlib: a window of 8 KiB, and a gzip header in front. With the largest one and its tables zlib takes 256 KiB, which the allocator maps
 * and gives back each time, and that interrupts every CPU that computes. */
#define WINDOW_BITS (13 + 16)
#define MEMORY_LEVEL 6

bool gzip_reply_accepted(const char *accept_encoding)
{
    bool named = false;
    double weight = 0;
    accept_entry entry;
    for (const char *at = accept_encoding; accept_next(&at, &entry);) {
        if (!accept_is(&entry, "gzip") && (named || !accept_is(&entry, "*")))
            continue;
        named = named || accept_is(&entry, "gzip");
        weight = entry.weight;
    }
    return weight > 0;
}

bool gzip_reply_deflate(buf *body)
{
    z_stream stream = {0};
    if (body->length == 0 || body->length > UINT32_MAX ||
        deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
            Z_OK)
        return false;
    buf packed;
    const uLong bound = deflateBound(&stream, (uLong)body->length);
    buf_init(&packed, bound + 1);
    char *to = buf_reserve(&packed, bound);
    bool done = false;
    if (to != NULL) {
        stream.next_in = (unsigned char *)body->data;
        stream.avail_in = (uInt)body->length;
        stream.next_out = (unsigned char *)to;
        stream.avail_out = (uInt)bound;
        done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    }
    deflateEnd(&stream);
    if (done) {
        buf_commit(&packed, stream.total_out);
        buf_free(body);
        *body = packed;
    } else {
        buf_free(&packed);
    }
    return done;
}
