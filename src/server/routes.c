#include "server/routes.h"

#include "server/breaker_route.h"
#include "server/embed_route.h"
#include "server/health.h"
#include "server/index_route.h"
#include "server/metrics_route.h"

#include <string.h>

const route route_table[] = {
    {"POST", "/api/v1/embed", "vectors for a list of texts", API_ROLE_EMBED, METRIC_ROUTE_EMBED,
     embed_route_handle, embed_route_resume, ROUTE_NOT_ADMIN},
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
    {"GET", "/", "this list", API_ROLES_ANY, METRIC_ROUTE_INDEX, index_route, NULL, ROUTE_EVERYWHERE},
    {0},
};

static bool serves(const route *r, const char *method)
{
    return strcmp(r->method, method) == 0 || (strcmp(r->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

bool routes_visible(const route *r, bool admin, bool has_keys)
{
    switch (r->place) {
    case ROUTE_EVERYWHERE:
        return true;
    case ROUTE_NOT_ADMIN:
        return !admin;
    case ROUTE_OPERATORS:
        return admin || (has_keys);
    }
    return false;
}

const route *routes_find(const char *method, const char *path, const char **allow)
{
    *allow = NULL;
    for (const route *r = route_table; r->path != NULL; r++) {
        if (strcmp(r->path, path) != 0)
            continue;
        if (serves(r, method))
            return r;
        *allow = strcmp(r->method, "GET") == 0 ? "GET, HEAD" : r->method;
    }
    return NULL;
}

metric_route routes_kind(const char *path)
{
    for (const route *r = route_table; r->path != NULL; r++)
        if (strcmp(r->path, path) == 0)
            return r->metric;
    return METRIC_ROUTE_OTHER;
}
