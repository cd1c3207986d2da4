/* Ties a tracer to a collector: batches of spans are encoded and sent. */
#ifndef TELEMETRY_OTLP_EXPORTER_H
#define TELEMETRY_OTLP_EXPORTER_H

#include "telemetry/otlp_sender.h"
#include "telemetry/resource.h"
#include "telemetry/tracer.h"

typedef struct otlp_exporter otlp_exporter;

/* settings->target and `from` must outlive the exporter; settings->noun is set here. Errors as otlp_sender_open. */
AKI_MUST_CHECK aki_status otlp_exporter_open(otlp_exporter **out, const otlp_sender_settings *settings,
                                             const resource *from, aki_error *error);
/* After the tracer that uses it. NULL allowed. */
void otlp_exporter_close(otlp_exporter *exporter);

span_exporter otlp_exporter_of(otlp_exporter *exporter);

#endif
