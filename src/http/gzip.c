#include "http/gzip.h"

#include "base/accept.h"
#include "base/memory.h"

#include <stdint.h>
#include <zlib.h>

#define PIECE_BYTES ((size_t)64 << 10)
/* zlib: the largest window, and a gzip header in front. */
#define BODY_WINDOW_BITS (15 + 16)

static gzip_outcome keep(const unsigned char *piece, size_t count, size_t compressed, buf *out)
{
    size_t total = out->length + count;
    if (total > out->max_bytes || (total > GZIP_FREE_BYTES && total / GZIP_MAX_RATIO > compressed))
        return GZIP_TOO_LARGE;
    return buf_append(out, piece, count) ? GZIP_DONE : GZIP_OUT_OF_MEMORY;
}

static gzip_outcome inflate_members(z_stream *stream, unsigned char *piece, size_t length, buf *out)
{
    for (;;) {
        stream->next_out = piece;
        stream->avail_out = (uInt)PIECE_BYTES;
        int result = inflate(stream, Z_NO_FLUSH);
        if (result == Z_MEM_ERROR)
            return GZIP_OUT_OF_MEMORY;
        if (result != Z_OK && result != Z_STREAM_END)
            return GZIP_INVALID; /* Z_BUF_ERROR: cut short */
        gzip_outcome outcome = keep(piece, PIECE_BYTES - stream->avail_out, length, out);
        if (outcome != GZIP_DONE || (result == Z_STREAM_END && stream->avail_in == 0))
            return outcome;
        if (result == Z_STREAM_END && inflateReset(stream) != Z_OK)
            return GZIP_INVALID;
    }
}

gzip_outcome gzip_body_inflate(const char *data, size_t length, buf *out)
{
    if (length > UINT32_MAX)
        return GZIP_TOO_LARGE;
    z_stream stream = {.next_in = (z_const Bytef *)data, .avail_in = (uInt)length};
    unsigned char *piece = mem_alloc(1, PIECE_BYTES);
    gzip_outcome outcome = GZIP_OUT_OF_MEMORY;
    if (piece != NULL && inflateInit2(&stream, BODY_WINDOW_BITS) == Z_OK) {
        outcome = inflate_members(&stream, piece, length, out);
        inflateEnd(&stream);
    }
    mem_free(piece);
    return outcome;
}

/* zlib: a window of 8 KiB, and a gzip header in front. With the largest one and its tables zlib takes 256 KiB, which the allocator maps
 * and gives back each time, and that interrupts every CPU that computes. */
#define REPLY_WINDOW_BITS (13 + 16)
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
        deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, REPLY_WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
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
