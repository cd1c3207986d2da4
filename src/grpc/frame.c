#include "grpc/frame.h"

#include "http/gzip.h"

#include <string.h>

size_t grpc_frame_length(const char prefix[GRPC_PREFIX_BYTES])
{
    const uint8_t *bytes = (const uint8_t *)prefix + 1;
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static bool refuse(http_error *error, const char *message)
{
    http_error_set(error, HTTP_ERROR_INVALID_MESSAGE, NULL, "%s", message);
    return false;
}

static bool decompress(const api_request *request, size_t limit, grpc_message *message, http_error *error)
{
    if (request->encoding == NULL || strcmp(request->encoding, "identity") == 0)
        return refuse(error, "a message is flagged as compressed, but grpc-encoding does not say how");
    buf_init(&message->plain, limit);
    switch (gzip_body_inflate((const char *)message->data, message->bytes, &message->plain)) {
    case GZIP_DONE:
        break;
    case GZIP_INVALID:
        return refuse(error, "a message is not what grpc-encoding says: gzip, undamaged and whole");
    case GZIP_TOO_LARGE:
        http_error_set(error, HTTP_ERROR_BODY_TOO_LARGE, NULL,
                       "the message is more than %zu bytes when decompressed, or more than %d times its size",
                       limit, GZIP_MAX_RATIO);
        return false;
    case GZIP_OUT_OF_MEMORY:
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory to decompress a message");
        return false;
    }
    message->data = (const uint8_t *)message->plain.data;
    message->bytes = message->plain.length;
    return true;
}

bool grpc_unframe(const api_request *request, size_t limit, grpc_message *message, http_error *error)
{
    *message = (grpc_message){0};
    if (request->encoding != NULL && strcmp(request->encoding, "gzip") != 0 &&
        strcmp(request->encoding, "identity") != 0) {
        http_error_set(error, HTTP_ERROR_UNSUPPORTED_ENCODING, NULL,
                       "messages with grpc-encoding \"%.100s\" are not taken", request->encoding);
        return false;
    }
    if (request->length == 0) {
        http_error_set(error, HTTP_ERROR_NOT_IMPLEMENTED, NULL, "the call has no message");
        return false;
    }
    if (request->length < GRPC_PREFIX_BYTES ||
        request->length - GRPC_PREFIX_BYTES < grpc_frame_length(request->body))
        return refuse(error, "the body ends within a message");
    message->data = (const uint8_t *)request->body + GRPC_PREFIX_BYTES;
    message->bytes = grpc_frame_length(request->body);
    if (request->length - GRPC_PREFIX_BYTES > message->bytes) {
        http_error_set(error, HTTP_ERROR_NOT_IMPLEMENTED, NULL,
                       "more follows the message: this call takes one, and no stream of them");
        return false;
    }
    if (request->body[0] == 0)
        return true;
    return request->body[0] == 1
               ? decompress(request, limit, message, error)
               : refuse(error, "the byte before a message's length must be 0, or 1 where it is compressed");
}

bool grpc_frame_next(const api_request *body, size_t *at, api_request *frame)
{
    const size_t left = body->length - *at;
    size_t bytes = left;
    if (left >= GRPC_PREFIX_BYTES && left - GRPC_PREFIX_BYTES > grpc_frame_length(body->body + *at))
        bytes = GRPC_PREFIX_BYTES + grpc_frame_length(body->body + *at);
    *frame = *body;
    frame->body = body->body + *at;
    frame->length = bytes;
    *at += bytes;
    return bytes > 0;
}

size_t grpc_frame_begin(buf *out)
{
    static const char prefix[GRPC_PREFIX_BYTES];
    const size_t at = out->length;
    buf_append(out, prefix, sizeof prefix);
    return at;
}

void grpc_frame_end(buf *out, size_t at)
{
    if (out->failed)
        return;
    const size_t bytes = out->length - at - GRPC_PREFIX_BYTES;
    char *prefix = out->data + at;
    prefix[1] = (char)(bytes >> 24);
    prefix[2] = (char)(bytes >> 16);
    prefix[3] = (char)(bytes >> 8);
    prefix[4] = (char)bytes;
}
