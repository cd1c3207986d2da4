#include "server/handlers.h"

#include "http/gzip.h"
#include "telemetry/metrics_text.h"

#define MAX_METRICS_BYTES ((size_t)4 << 20)

static metrics_format wanted_format(const exchange *x)
{
    buf list;
    buf_init(&list, x->owner->settings.max_header_bytes * 2);
    http_request_join(&x->stream->request, "Accept", &list);
    const metrics_format format = metrics_format_accepted(list.data);
    buf_free(&list);
    return format;
}

void metrics_route(exchange *x)
{
    const metrics_format format = wanted_format(x);
    http_reply reply;
    buf text;
    http_reply_init(&reply, 200);
    buf_init(&text, MAX_METRICS_BYTES);
    const bool whole = metrics_write(x->owner->metrics, format, &text);
    const bool compressed =
        whole && gzip_reply_accepted(exchange_header(x, "Accept-Encoding")) && gzip_reply_deflate(&text);
    if (!whole || !http_reply_take_body(&reply, &text))
        reply.fields.failed = true;
    buf_free(&text);
    http_reply_add(&reply, "Content-Type", metrics_content_type(format));
    http_reply_add(&reply, "Vary", "Accept, Accept-Encoding");
    if (compressed)
        http_reply_add(&reply, "Content-Encoding", "gzip");
    exchange_send(x, &reply);
}
