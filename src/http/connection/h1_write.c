#include "http/connection/h1_write.h"

#define USUAL_HEAD_BYTES 1000

bool h1_write_head(buf *out, const http_reply *reply, const char *date, h1_connection_field connection)
{
    static const char *const connections[] = {[H1_CONNECTION_NONE] = "",
                                              [H1_CONNECTION_CLOSE] = "Connection: close\r\n",
                                              [H1_CONNECTION_KEEP] = "Connection: keep-alive\r\n"};
    const char *at = NULL, *name, *value;
    if (buf_reserve(out, USUAL_HEAD_BYTES) == NULL)
        return false;
    buf_printf(out, "HTTP/1.1 %u %s\r\nDate: %s\r\n%s", reply->status, http_reply_reason(reply->status), date,
               connections[connection]);
    while (http_reply_next(reply, &at, &name, &value)) {
        buf_append_string(out, name);
        buf_append_string(out, ": ");
        buf_append_string(out, value);
        buf_append_string(out, "\r\n");
    }
    if (!http_reply_is_bare(reply))
        buf_printf(out, "Content-Length: %zu\r\n", reply->body_bytes);
    return buf_append_string(out, "\r\n");
}
