/* Fuzzes the reading of a collector's reply. The first two bytes are the status, the third chooses between HTTP and
 * gRPC. Then come lines for content type, grpc-status, grpc-message and grpc-status-details-bin (an empty line:
 * absent), then the body. */
#include "fuzz.h"
#include "scratch.h"

#include "telemetry/otlp_reply.h"

#include <string.h>

static void check(const otlp_reply *reply)
{
    FUZZ_CHECK(memchr(reply->cause, '\0', sizeof reply->cause) != NULL);
    FUZZ_CHECK(reply->outcome == OTLP_ACCEPTED || reply->cause[0] != '\0');
    FUZZ_CHECK(reply->outcome == OTLP_ACCEPTED || reply->rejected == 0);
    FUZZ_CHECK(reply->retry_after_ms >= -1);
    FUZZ_CHECK(strpbrk(reply->cause, "\r\n") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { CONTENT_TYPE, STATUS, MESSAGE, DETAILS, LINES };
    if (size < 3)
        return 0;
    const long status = data[0] * 10L + data[1] % 10;
    const bool http = (data[2] & 1) == 0;
    data += 3;
    size -= 3;
    char *lines[LINES] = {NULL};
    for (size_t i = 0; i < LINES; i++) {
        const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
        if (end == NULL)
            break;
        const size_t length = (size_t)(end - data);
        lines[i] = length > 0 ? copy_text(data, length) : NULL;
        data += length + 1;
        size -= length + 1;
    }
    uint8_t *body = copy_bytes(data, size);
    otlp_reply reply;
    if (http) {
        otlp_reply_http(&reply, status, lines[CONTENT_TYPE], body, size, (int64_t)(status % 7));
    } else {
        const grpc_trailers trailers = {.status = lines[STATUS],
                                        .message = lines[MESSAGE],
                                        .details = lines[DETAILS],
                                        .content_type = lines[CONTENT_TYPE]};
        otlp_reply_grpc(&reply, status, &trailers, body, size);
    }
    check(&reply);
    free(body);
    for (size_t i = 0; i < LINES; i++)
        free(lines[i]);
    return 0;
}
