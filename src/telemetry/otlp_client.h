/* One attempt to bring a message to a collector: over HTTP/protobuf, or as a unary gRPC call, which libcurl's HTTP/2 carries.
 * Blocks the calling thread, never longer than the target's timeout and the deadline. Over HTTP the connection is
 * kept for the next message. For one thread, but for otlp_client_hurry. */
#ifndef TELEMETRY_OTLP_CLIENT_H
#define TELEMETRY_OTLP_CLIENT_H

#include "akidb/embed.h"
#include "base/buf.h"
#include "telemetry/otlp_reply.h"
#include "telemetry/otlp_target.h"

typedef struct otlp_client otlp_client;

/* target: must outlive the client. Errors: AKI_OUT_OF_MEMORY, AKI_INVALID_ARGUMENT (a header of more than 8 KiB). */
AKI_MUST_CHECK aki_status otlp_client_open(otlp_client **out, const otlp_target *target, aki_error *error);
void otlp_client_close(otlp_client *client);

/* body: the message as otlp_frame makes it for the target. */
void otlp_client_send(otlp_client *client, const buf *body, int64_t deadline_ns, otlp_reply *reply);

/* From any thread: attempts under way and to come end by deadline_ns (at the latest about a second after it). */
void otlp_client_hurry(otlp_client *client, int64_t deadline_ns);

#endif
