#include "telemetry/otlp_exporter.h"

#include "base/error.h"
#include "base/memory.h"
#include "telemetry/otlp_message.h"
#include "telemetry/otlp_encode.h"

struct otlp_exporter {
    otlp_sender *sender;
    const resource *from;
    buf message;
};

aki_status otlp_exporter_open(otlp_exporter **out, const otlp_sender_settings *settings, const resource *from,
                              aki_error *error)
{
    *out = NULL;
    otlp_exporter *e = mem_zalloc(1, sizeof *e);
    if (e == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for traces");
    e->from = from;
    buf_init(&e->message, OTLP_MESSAGE_MAX_BYTES);
    otlp_sender_settings own = *settings;
    own.noun = "spans";
    aki_status status = otlp_sender_open(&e->sender, &own, error);
    if (status != AKI_OK) {
        otlp_exporter_close(e);
        return status;
    }
    *out = e;
    return AKI_OK;
}

void otlp_exporter_close(otlp_exporter *e)
{
    if (e == NULL)
        return;
    otlp_sender_close(e->sender);
    buf_free(&e->message);
    mem_free(e);
}

static export_result export_spans(void *cookie, const span *const *spans, size_t count,
                                  int64_t wall_offset_ns, int64_t deadline_ns)
{
    otlp_exporter *e = cookie;
    size_t rejected;
    buf_clear(&e->message);
    if (!otlp_trace_encode(e->from, spans, count, wall_offset_ns, &e->message) ||
        !otlp_sender_send(e->sender, &e->message, count, deadline_ns, &rejected))
        return (export_result){.failed = count};
    return (export_result){.exported = count - rejected, .rejected = rejected};
}

static void hurry(void *cookie, int64_t deadline_ns)
{
    otlp_exporter *e = cookie;
    otlp_sender_hurry(e->sender, deadline_ns);
}

static bool listens(void *cookie, int64_t deadline_ns)
{
    otlp_exporter *e = cookie;
    return otlp_sender_listens(e->sender, deadline_ns);
}

span_exporter otlp_exporter_of(otlp_exporter *e)
{
    return (span_exporter){.export = export_spans, .hurry = hurry, .listens = listens, .cookie = e};
}
