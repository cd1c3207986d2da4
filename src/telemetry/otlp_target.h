/* Where one signal goes and how: what the OTEL_EXPORTER_OTLP_* variables say of it. */
#ifndef TELEMETRY_OTLP_TARGET_H
#define TELEMETRY_OTLP_TARGET_H

#include "telemetry/percent.h"

#include <stdint.h>

typedef enum otlp_signal { OTLP_TRACES, OTLP_METRICS, OTLP_SIGNALS } otlp_signal;

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

#endif
