#include "server/routes.h"

#include "api/route_list.h"
#include "base/json_text.h"
#include "http/request.h"
#include "server/handlers.h"

#include <string.h>

/* Rows of API_ROUTES, as routes. */
/* clang-format off */
#define EMBEDS(path, description, metric, operation)                                                                     \
    {"POST", path, description, API_ROLE_EMBED, metric, embed_route_handle, embed_route_resume, ROUTE_NOT_ADMIN, &(operation)},
#define TELLS(path, description, roles, metric, operation)                                                               \
    {"GET", path, description, roles, metric, embed_route_handle, NULL, ROUTE_NOT_ADMIN, &(operation)},
#define MANAGES(path, description, metric, operation)                                                                    \
    {"POST", path, description, API_ROLE_OPERATOR, metric, embed_route_handle, embed_route_resume, ROUTE_OPERATORS, &(operation)},

/* The list of routes comes first, then those of the dialects, then the service's own. */
const route route_table[] = {
    {"GET", "/", "this list", API_ROLES_ANY, METRIC_ROUTE_INDEX, index_route, NULL, ROUTE_EVERYWHERE},
    API_ROUTES(EMBEDS, TELLS, MANAGES)
    /* clang-format on */
    {"GET", "/ping", "SageMaker: as /health/ready", 0, METRIC_ROUTE_HEALTH, health_ready, NULL,
     ROUTE_EVERYWHERE, NULL},
    {"GET", "/health", "as /health/ready", 0, METRIC_ROUTE_HEALTH, health_ready, NULL, ROUTE_EVERYWHERE,
     NULL},
    {"GET", "/v2/health/live", "as /health/live", 0, METRIC_ROUTE_LIVE, health_live, NULL, ROUTE_EVERYWHERE,
     NULL},
    {"GET", "/v2/health/ready", "as /health/ready", 0, METRIC_ROUTE_READY, health_ready, NULL,
     ROUTE_EVERYWHERE, NULL},
    {"GET", "/.well-known/live", "as /health/live", 0, METRIC_ROUTE_LIVE, health_live, NULL, ROUTE_EVERYWHERE,
     NULL},
    {"GET", "/.well-known/ready", "as /health/ready", 0, METRIC_ROUTE_READY, health_ready, NULL,
     ROUTE_EVERYWHERE, NULL},
    {"GET", "/v1/health", "as /health/ready", 0, METRIC_ROUTE_HEALTH, health_ready, NULL, ROUTE_EVERYWHERE,
     NULL},
    {"GET", "/health/live", "200 while the process works", 0, METRIC_ROUTE_LIVE, health_live, NULL,
     ROUTE_EVERYWHERE},
    {"GET", "/health/ready", "200 when requests can be served, 503 otherwise", 0, METRIC_ROUTE_READY,
     health_ready, NULL, ROUTE_EVERYWHERE},
    {"GET", "/metrics", "metrics for Prometheus", API_ROLE_METRICS, METRIC_ROUTE_METRICS, metrics_route, NULL,
     ROUTE_EVERYWHERE},
    {"POST", "/admin/breaker/reset", "closes the circuit breakers of all devices", API_ROLE_OPERATOR,
     METRIC_ROUTE_ADMIN, breaker_route_reset, NULL, ROUTE_OPERATORS},
    {"POST", "/admin/breaker/forced-open",
     "keeps the best device from being called until the reset, where another one serves", API_ROLE_OPERATOR,
     METRIC_ROUTE_ADMIN, breaker_route_open, NULL, ROUTE_OPERATORS},
    {"POST", "/admin/breaker/disabled", "lets all calls to the best device through until the reset",
     API_ROLE_OPERATOR, METRIC_ROUTE_ADMIN, breaker_route_disable, NULL, ROUTE_OPERATORS},
    {"POST", "/admin/breaker/metrics-only",
     "lets all calls through and counts when the circuit breaker would have opened, until the reset",
     API_ROLE_OPERATOR, METRIC_ROUTE_ADMIN, breaker_route_watch, NULL, ROUTE_OPERATORS},
    {"POST", "/admin/models/{model}/load", "loads the model", API_ROLE_OPERATOR, METRIC_ROUTE_ADMIN_MODELS,
     models_route_load, NULL, ROUTE_OPERATORS, NULL},
    {"POST", "/admin/models/{model}/unload", "unloads the model when no request uses it", API_ROLE_OPERATOR,
     METRIC_ROUTE_ADMIN_MODELS, models_route_unload, NULL, ROUTE_OPERATORS, NULL},
    {"POST", "/admin/models/{model}/reload", "loads the model's files anew beside the ones that serve",
     API_ROLE_OPERATOR, METRIC_ROUTE_ADMIN_MODELS, models_route_reload, NULL, ROUTE_OPERATORS, NULL},
    {"GET", "/openapi.json", "these routes in OpenAPI 3.1", API_ROLES_ANY, METRIC_ROUTE_OPENAPI,
     openapi_route, NULL, ROUTE_EVERYWHERE, NULL},
    {"GET", "/docs", "for people: these routes, to read and to try", 0, METRIC_ROUTE_PAGES, page_route, NULL,
     ROUTE_PAGE, NULL},
    {"GET", "/ui", "for people: texts compared by their vectors", 0, METRIC_ROUTE_PAGES, page_route, NULL,
     ROUTE_PAGE, NULL},
    {"GET", "/ui/live", "for people: the metrics as live plots", 0, METRIC_ROUTE_PAGES, page_route, NULL,
     ROUTE_PAGE, NULL},
    {0},
};

static bool serves(const route *r, const char *method)
{
    return strcmp(r->method, method) == 0 || (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

bool routes_visible(const route *r, const server *s, bool admin)
{
    switch (r->place) {
    case ROUTE_EVERYWHERE:
        return true;
    case ROUTE_NOT_ADMIN:
        return !admin;
    case ROUTE_OPERATORS:
        return admin || s->keys != NULL;
    case ROUTE_PAGE:
        return !admin && s->settings.has_pages;
    }
    return false;
}

/* The rows of both tables, one after the other: from NULL to NULL. */
static const route *next_row(const route *r)
{
    static const route *const last = &route_table[sizeof route_table / sizeof route_table[0] - 1];
    if (r == NULL)
        return route_table;
    r++;
    if (r == last)
        r = grpc_route_table;
    return r->path != NULL ? r : NULL;
}

const route *routes_find(const char *method, const char *path, const char **allow)
{
    *allow = NULL;
    for (const route *r = next_row(NULL); r != NULL; r = next_row(r)) {
        if (!route_path_matches(r->path, path))
            continue;
        if (serves(r, method)) {
            *allow = NULL;
            return r;
        }
        const bool gets = strcmp(r->method, "GET") == 0;
        if (*allow != NULL && gets != (strcmp(*allow, "POST") != 0))
            *allow = "GET, HEAD, POST";
        else
            *allow = gets ? "GET, HEAD" : r->method;
    }
    return NULL;
}

metric_route routes_kind(const char *path)
{
    for (const route *r = next_row(NULL); r != NULL; r = next_row(r))
        if (route_path_matches(r->path, path))
            return r->metric;
    return METRIC_ROUTE_OTHER;
}

const api_operation *routes_api(const char *path, const char *method)
{
    const route *found = NULL;
    for (const route *r = next_row(NULL); r != NULL; r = next_row(r))
        if (route_path_matches(r->path, path) && (found == NULL || serves(r, method)))
            found = r;
    return found != NULL ? found->api : NULL;
}

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
