/* Writes the OTLP message of fixed spans to stdout: test_otlp_golden.py compares it, byte by byte, with the encoding that Python's
 * opentelemetry-proto makes of the same spans. */
#include <stdio.h>

#include "telemetry/otlp_message.h"

#define WALL_OFFSET INT64_C(1700000000000000000)

int main(void)
{
    const span_attribute of_resource[] = {span_text("service.name", "golden"),
                                          span_integer("process.pid", 4711)};
    const resource from = {(span_attribute *)of_resource, 2};
    const span_attribute attributes[] = {
        span_text("text", "caf\xc3\xa9"), span_name("empty", ""),           span_integer("zero", 0),
        span_integer("negative", -2),     span_integer("large", INT64_MAX), span_real("real", 0.25),
        span_boolean("yes", true),        span_boolean("no", false),
    };
    const span root = {.name = "embedding_request",
                       .trace_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                       .span_id = {0xa1, 2, 3, 4, 5, 6, 7, 8},
                       .parent_id = {0xb1, 2, 3, 4, 5, 6, 7, 8},
                       .start_ns = 1000,
                       .end_ns = 2500,
                       .kind = SPAN_SERVER,
                       .status = SPAN_ERROR,
                       .remote_parent = true,
                       .trace_state = "vendor=1,other=2",
                       .message = "no luck",
                       .attributes = attributes,
                       .attribute_count = sizeof attributes / sizeof *attributes,
                       .dropped_attributes = 3};
    const span child = {.name = "tokenize",
                        .trace_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                        .span_id = {0xc1, 2, 3, 4, 5, 6, 7, 8},
                        .parent_id = {0xa1, 2, 3, 4, 5, 6, 7, 8},
                        .start_ns = 1100,
                        .end_ns = 1200,
                        .kind = SPAN_INTERNAL,
                        .status = SPAN_OK};
    const span first = {.name = "model_load",
                        .trace_id = {9},
                        .span_id = {8},
                        .start_ns = -5,
                        .end_ns = 0,
                        .kind = SPAN_INTERNAL};
    const span *const spans[] = {&root, &child, &first};
    buf message;
    buf_init(&message, (size_t)1 << 20);
    if (!otlp_trace_encode(&from, spans, 3, WALL_OFFSET, &message))
        return 1;
    const bool written = fwrite(message.data, 1, message.length, stdout) == message.length;
    buf_free(&message);
    return written ? 0 : 1;
}
