#include "server/metrics_route.h"

#include "base/memory.h"
#include "server/gzip_reply.h"
#include "telemetry/metrics_text.h"

#include <strings.h>

#define MAX_METRICS_BYTES ((size_t)4 << 20)

/* The Accept headers as one list, as if they had been one header; empty when there is none. */
static enum MHD_Result join(void *cookie, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    buf *list = cookie;
    if (strcasecmp(key, MHD_HTTP_HEADER_ACCEPT) == 0 && value != NULL) {
        buf_append_string(list, value);
        buf_append_char(list, ',');
    }
    return MHD_YES;
}

static metrics_format wanted_format(const exchange *x)
{
    buf list;
    buf_init(&list, x->owner->settings.max_header_bytes * 2);
    MHD_get_connection_values(x->connection, MHD_HEADER_KIND, join, &list);
    metrics_format format = metrics_format_accepted(list.data);
    buf_free(&list);
    return format;
}

enum MHD_Result metrics_route(exchange *x)
{
    const metrics_format format = wanted_format(x);
    buf text;
    buf_init(&text, MAX_METRICS_BYTES);
    bool whole = metrics_write(x->owner->metrics, format, &text);
    bool compressed = whole &&
                      gzip_reply_accepted(MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND,
                                                                      MHD_HTTP_HEADER_ACCEPT_ENCODING)) &&
                      gzip_reply_deflate(&text);
    size_t length = 0;
    char *data = whole ? buf_take(&text, &length) : NULL;
    buf_free(&text);
    struct MHD_Response *response =
        data != NULL ? MHD_create_response_from_buffer_with_free_callback(length, data, mem_free) : NULL;
    if (response == NULL) {
        mem_free(data);
        return exchange_send(x, MHD_HTTP_SERVICE_UNAVAILABLE, NULL);
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, metrics_content_type(format));
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept, Accept-Encoding");
    if (compressed)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return exchange_send(x, MHD_HTTP_OK, response);
}
