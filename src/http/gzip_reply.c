#include "http/gzip_reply.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* zlib: a window of 8 KiB, and a gzip header in front. With the largest one and its tables zlib takes 256 KiB, which the allocator maps
 * and gives back each time, and that interrupts every CPU that computes. */
#define WINDOW_BITS (13 + 16)
#define MEMORY_LEVEL 6

/* The weight of a coding, [at, end) being what stands behind its name. */
static double weight_of(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == ';'))
        at++;
    return end - at > 2 && strncasecmp(at, "q=", 2) == 0 ? strtod(at + 2, NULL) : 1;
}

bool gzip_reply_accepted(const char *accept_encoding)
{
    double named = -1, any = -1;
    for (const char *at = accept_encoding; at != NULL && *at != '\0';) {
        at += strspn(at, " \t,");
        const char *end = at + strcspn(at, ","), *name_end = at + strcspn(at, " \t,;");
        const size_t length = (size_t)(name_end - at);
        if (length == 4 && strncasecmp(at, "gzip", 4) == 0)
            named = weight_of(name_end, end);
        else if (length == 1 && *at == '*')
            any = weight_of(name_end, end);
        at = end;
    }
    return named >= 0 ? named > 0 : any > 0;
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
