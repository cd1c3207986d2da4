/* The outermost layer of a message: gzip (RFC 1952), and gRPC's prefix of a flag and a length. */
#ifndef TELEMETRY_OTLP_FRAME_H
#define TELEMETRY_OTLP_FRAME_H

#include "base/buf.h"

/* Replaces what is in `out`; false when out of memory. */
bool otlp_frame(const buf *message, bool grpc, bool gzip, buf *out);

#endif
