/* gRPC's framing (grpc/grpc doc/PROTOCOL-HTTP2.md): each message stands behind a byte that says whether it is compressed, and four
 * with its length, big-endian.
 *
 * Compressed messages are taken where the header grpc-encoding says gzip. Replies are sent as they are. */
#ifndef GRPC_FRAME_H
#define GRPC_FRAME_H

#include "api/api.h"

#define GRPC_PREFIX_BYTES 5

/* A message without its frame. */
typedef struct grpc_message {
    const uint8_t *data; /* [bytes], in the body or in `plain` */
    size_t bytes;
    buf plain; /* where it was compressed */
} grpc_message;

/* The length of the message behind a prefix. */
size_t grpc_frame_length(const char prefix[GRPC_PREFIX_BYTES]);

/* Takes the one message of a body. limit: of its bytes when they are decompressed. False with *error filled. The caller frees the
 * message's `plain` in any case. */
bool grpc_unframe(const api_request *request, size_t limit, grpc_message *message, http_error *error);

/* The next message of a body that has several, with its frame, from *at on, which moves behind it. Where the body ends within a
 * message, that is the rest, which grpc_unframe refuses. False: nothing is left. */
bool grpc_frame_next(const api_request *body, size_t *at, api_request *frame);

/* Begins a frame in `out` and returns where it is; grpc_frame_end sets the length of what was appended since. */
size_t grpc_frame_begin(buf *out);
void grpc_frame_end(buf *out, size_t at);

#endif
