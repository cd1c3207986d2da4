/* The parts that messages of traces and of metrics share. Everything is built in an arena and refers to what it was built of.
 * For the encoders only: others need no message. */
#ifndef TELEMETRY_OTLP_MESSAGE_H
#define TELEMETRY_OTLP_MESSAGE_H

#include "base/buf.h"
#include "telemetry/arena.h"
#include "telemetry/resource.h"

#define OTLP_MESSAGE_MAX_BYTES ((size_t)64 << 20) /* what receivers take */

struct Otlp__KeyValue;
struct Otlp__Resource;
struct Otlp__InstrumentationScope;
struct ProtobufCMessage;

/* [count] pointers; NULL when the arena failed. A text that is not UTF-8 would spoil the whole message: it is replaced. */
struct Otlp__KeyValue **otlp_attributes(arena *a, const span_attribute *attributes, size_t count);
struct Otlp__Resource *otlp_resource(arena *a, const resource *from);
struct Otlp__InstrumentationScope *otlp_scope(arena *a);

/* Appends the message; false when out of memory or it would be larger than OTLP_MESSAGE_MAX_BYTES. */
bool otlp_pack(const void *message, buf *out);

#endif
