/* Meaning of a collector's reply: taken, to be sent again, or refused for good, as the OpenTelemetry protocol says
 * (https://opentelemetry.io/docs/specs/otlp/). Pure functions of the bytes received.
 *
 * Sent again is only what the protocol allows: over HTTP 429, 502, 503 and 504, over gRPC the codes of is_retryable, and
 * RESOURCE_EXHAUSTED where the reply says when, and after a reply that breaks off. A partial success is a success: what was
 * rejected is counted. */
#ifndef TELEMETRY_OTLP_REPLY_H
#define TELEMETRY_OTLP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum otlp_outcome {
    OTLP_ACCEPTED,
    OTLP_RETRY,
    OTLP_REFUSED,
} otlp_outcome;

typedef struct otlp_reply {
    otlp_outcome outcome;
    uint64_t rejected;      /* spans or data points, of an accepted message */
    int64_t retry_after_ms; /* -1 = not said */
    char cause[240];        /* for the log; "" when all was accepted */
} otlp_reply;

/* body: [length], of a reply with this content type (NULL = none). retry_after_s: 0 = not said. */
void otlp_reply_http(otlp_reply *reply, long status, const char *content_type, const uint8_t *body,
                     size_t length, int64_t retry_after_s);

/* Fields of a gRPC reply's headers and trailers; strings are NULL where it does not. */
typedef struct grpc_trailers {
    const char *status, *message, *details; /* grpc-status, grpc-message, grpc-status-details-bin */
    const char *content_type;
} grpc_trailers;

/* body: with the prefix of five bytes. http_status: anything but 200 comes from a proxy, or from no gRPC server at all. */
void otlp_reply_grpc(otlp_reply *reply, long http_status, const grpc_trailers *trailers, const uint8_t *body,
                     size_t length);

/* No reply at all: cause as libcurl says it. A server may be started later; what went wrong on this side stays. */
void otlp_reply_none(otlp_reply *reply, bool may_pass, const char *cause);

#endif
