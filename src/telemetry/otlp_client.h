/* One attempt to bring a message to a collector: over HTTP/protobuf, or as a unary gRPC call, which libcurl's HTTP/2 carries.
 * Blocks the calling thread, never longer than the target's timeout and the deadline. Over HTTP the connection is
 * kept for the next message. For one thread, but for otlp_client_hurry. */
#ifndef TELEMETRY_OTLP_CLIENT_H
#define TELEMETRY_OTLP_CLIENT_H

#include "akidb/embed.h"
#include "base/buf.h"
#include "telemetry/otel_values.h"
#include "telemetry/otlp_reply.h"

typedef enum otlp_signal { OTLP_TRACES, OTLP_METRICS, OTLP_SIGNALS } otlp_signal;

/* Where one signal goes and how: what the OTEL_EXPORTER_OTLP_* variables say of it. otel_settings.h fills it. */
typedef struct otlp_target {
    bool grpc;       /* else HTTP with protobuf */
    char *endpoint;  /* as a person would name it */
    char *url;       /* the whole of it */
    bool by_default; /* nobody said where: there may be no collector at all */
    name_values headers;
    int64_t timeout_ms; /* of one attempt */
    bool gzip;
    char *certificate;                     /* PEM file with the authorities to trust; NULL = the system's */
    char *client_certificate, *client_key; /* PEM files; NULL = none */
} otlp_target;

/* NULL allowed; also for half-made ones. */
void otlp_target_free(otlp_target *target);

typedef struct otlp_client otlp_client;

/* target: must outlive the client. Errors: AKI_OUT_OF_MEMORY, AKI_INVALID_ARGUMENT (a header of more than 8 KiB). */
AKI_MUST_CHECK aki_status otlp_client_open(otlp_client **out, const otlp_target *target, aki_error *error);
void otlp_client_close(otlp_client *client);

/* body: the message as otlp_frame makes it for the target. */
void otlp_client_send(otlp_client *client, const buf *body, int64_t deadline_ns, otlp_reply *reply);

/* From any thread: attempts under way and to come end by deadline_ns (at the latest about a second after it). */
void otlp_client_hurry(otlp_client *client, int64_t deadline_ns);

#endif
