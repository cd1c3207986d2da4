#include "telemetry/otlp_message.h"

#include <stdint.h>
#include <zlib.h>

#define PREFIX_BYTES 5
#define GZIP_WINDOW (15 + 16) /* zlib's way to ask for gzip's header and trailer */
#define MEMORY_LEVEL 8

/* Appends the message, compressed at the level that costs least. */
static bool append_gzip(const buf *message, buf *out)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    const size_t bound = deflateBound(&z, message->length);
    char *at = buf_reserve(out, bound);
    z.next_in = (Bytef *)message->data;
    z.avail_in = (uInt)message->length; /* at most OTLP_MESSAGE_MAX_BYTES */
    z.next_out = (Bytef *)at;
    z.avail_out = (uInt)bound;
    const bool done = at != NULL && deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (done)
        buf_commit(out, bound - z.avail_out);
    deflateEnd(&z);
    return done;
}

bool otlp_frame(const buf *message, bool grpc, bool gzip, buf *out)
{
    buf_clear(out);
    if (grpc && !buf_append(out, "\0\0\0\0\0", PREFIX_BYTES))
        return false;
    if (!(gzip ? append_gzip(message, out) : buf_append(out, message->data, message->length)))
        return false;
    if (grpc) {
        const size_t length = out->length - PREFIX_BYTES;
        out->data[0] = gzip;
        for (int i = 0; i < 4; i++)
            out->data[1 + i] = (char)(uint8_t)(length >> (24 - 8 * i));
    }
    return true;
}
