/* Fuzzes the headers traceparent and tracestate, and lists of OTEL_* variables: the first line is the traceparent, each
 * further one a tracestate and a list. A value that was read, written and read again must be equal. */
#include "fuzz.h"
#include "scratch.h"

#include "telemetry/otel_values.h"
#include "telemetry/trace_context.h"

#include <string.h>

static void check_parent(const char *line)
{
    static const uint8_t zeros[TRACE_ID_BYTES];
    trace_context context, again;
    char written[TRACEPARENT_LENGTH + 1];
    if (!trace_context_parse(&context, line))
        return;
    FUZZ_CHECK(memcmp(context.trace_id, zeros, TRACE_ID_BYTES) != 0);
    FUZZ_CHECK(memcmp(context.span_id, zeros, SPAN_ID_BYTES) != 0);
    traceparent_write(context.trace_id, context.span_id, context.flags, written);
    FUZZ_CHECK(strlen(written) == TRACEPARENT_LENGTH && trace_context_parse(&again, written));
    FUZZ_CHECK(memcmp(context.trace_id, again.trace_id, TRACE_ID_BYTES) == 0 &&
               context.flags == again.flags && memcmp(context.span_id, again.span_id, SPAN_ID_BYTES) == 0);
}

static void check_state(const tracestate_reader *reader)
{
    trace_context context = {.flags = 0}, again = {.flags = 0};
    tracestate_finish(reader, &context);
    FUZZ_CHECK(memchr(context.state, '\0', sizeof context.state) != NULL);
    tracestate_reader second;
    tracestate_begin(&second);
    tracestate_add(&second, context.state);
    FUZZ_CHECK(!second.damaged);
    tracestate_finish(&second, &again);
    FUZZ_CHECK(strcmp(context.state, again.state) == 0);
}

static void check_list(const char *line)
{
    name_values list;
    if (name_values_parse(line, &list))
        for (size_t i = 0; i < list.count; i++)
            FUZZ_CHECK(list.items[i].name[0] != '\0' && list.items[i].value != NULL);
    name_values_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = copy_text(data, size), *lines[64];
    size_t count = 0;
    char *rest = text;
    for (char *line; count < sizeof lines / sizeof lines[0] && (line = strsep(&rest, "\n")) != NULL;)
        lines[count++] = copy_text((const uint8_t *)line, strlen(line));
    tracestate_reader reader;
    tracestate_begin(&reader);
    for (size_t i = 1; i < count; i++) {
        tracestate_add(&reader, lines[i]);
        check_list(lines[i]);
    }
    check_parent(lines[0]);
    check_state(&reader);
    for (size_t i = 0; i < count; i++)
        free(lines[i]);
    free(text);
    return 0;
}
