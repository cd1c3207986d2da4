/* The handlers in the table of routes. */
#ifndef SERVER_HANDLERS_H
#define SERVER_HANDLERS_H

#include "server/exchange.h"

/* The routes of all dialects: from body to scheduler to reply. */
void embed_route_handle(exchange *x);
void embed_route_resume(exchange *x);

/* GET /: what is served here, from the table of routes. */
void index_route(exchange *x);

/* GET /health/live and /health/ready: answered on the HTTP thread from what the watchdog saw last and from the set of models,
 * whose lock nobody holds for long; never behind a queue. */
void health_live(exchange *x);
void health_ready(exchange *x);

/* The default and all pinned models there and their last health probes right, nothing stuck, memory under the limit, not
 * draining. */
bool health_is_ready(const server *s);

/* GET /metrics: all metrics as text, in the format that the caller prefers, compressed where it takes that. */
void metrics_route(exchange *x);

/* GET /openapi.json: the routes in OpenAPI 3.1, made from the table of routes and the descriptions of their operations
 * (api_description), so that no route is missing from it. Routes that the asker does not see in GET / are not in it. */
void openapi_route(exchange *x);

/* POST /admin/models/{model}/load, unload and reload: 202 at once, and the rest happens in the background; GET /api/v1/models
 * tells how it goes. */
void models_route_load(exchange *x);
void models_route_unload(exchange *x);
void models_route_reload(exchange *x);

/* POST /admin/breaker/…: an operator says that the devices are well again, or takes the decision from the best device's circuit breaker
 * until that is said. For operators only: routes.h says who they are. */
void breaker_route_reset(exchange *x);
void breaker_route_open(exchange *x);
void breaker_route_disable(exchange *x);
void breaker_route_watch(exchange *x);

/* The pages for people: GET /, where the Accept header prefers HTML to JSON, /docs, /ui and /ui/live.
 *
 * They need no API key and hold nothing that would: they ask the person for the key, and their scripts send it. */
/* Sends the page of x->route. */
void page_route(exchange *x);

/* The route of the page instead of `found`, where its path has one and the request prefers it. */
const route *page_route_choose(const exchange *x, const route *found);

#endif
