#include "server/handlers.h"

#include "base/json_text.h"
#include "server/routes.h"

#define MAX_INDEX_BYTES ((size_t)64 << 10)

void index_route(exchange *x)
{
    buf body;
    buf_init(&body, MAX_INDEX_BYTES);
    buf_printf(&body, "{\"name\":\"akidb-embed\",\"version\":\"%s\",\"model\":", aki_version());
    json_text_append_string(&body, model_set_default_name(x->owner->models));
    buf_append_string(&body, ",\"routes\":[");
    const char *separator = "";
    for (const route *r = route_table; r->path != NULL; r++) {
        if (!routes_visible(r, x->owner, x->admin))
            continue;
        buf_printf(&body, "%s{\"method\":\"%s\",\"path\":\"%s\",\"description\":\"%s\"}", separator,
                   r->method, r->path, r->description);
        separator = ",";
    }
    buf_append_string(&body, "]}\n");
    exchange_reply(x, 200, &body);
}
