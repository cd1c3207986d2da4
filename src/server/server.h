/* The HTTP service in front of the scheduler. Routes, limits and error replies of docs/API.md. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "akidb/embed.h"
#include "engine/encoder.h"
#include "server/settings.h"
#include "telemetry/metrics.h"

typedef struct server server;

/* Opens the socket and answers /health/live at once and everything else with 503 until server_attach, or until
 * server_start_models. */
AKI_MUST_CHECK aki_status server_open(server **out, const server_settings *settings, aki_error *error);
/* Hands the default model over, loaded: runs a real inference, then becomes ready. owned: the server closes the encoder, which
 * else must outlive it; after an error it is the caller's in any case. folder: of its files, NULL = not known. */
AKI_MUST_CHECK aki_status server_attach(server *s, encoder *enc, bool owned, const char *folder,
                                        aki_error *error);
/* Has the models loaded by threads of their own, which `settings` has the ways for. Without server_attach it loads the default
 * as well, and the service takes requests from now on, which wait for their model. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status server_start_models(server *s, aki_error *error);
/* Takes another list of models: those that are new, changed and removed, without a dropped request. Errors as
 * model_set_configure. */
AKI_MUST_CHECK aki_status server_configure(server *s, const model_spec *specs, size_t count,
                                           aki_error *error);
/* False while a model that is to be there has neither been loaded nor failed once. From any thread. */
bool server_models_settled(server *s);
/* For the metrics: how long opening the model took. */
void server_note_load(server *s, int64_t duration_ns);
/* The registry of the server's metrics; lives as long as the server. */
metrics *server_registry(server *s);
uint16_t server_port(const server *s);
uint16_t server_admin_port(const server *s); /* 0 = none */
/* Reads certificate, key, client CA and API keys again, as far as they are used, and says in the log what came of it. What
 * cannot be used is left as it was: false then. From one thread at a time, before server_close. */
bool server_reload(server *s);
/* Makes readiness 503 at once. New connections are still accepted for drain_delay_ms, so that load balancers can see
 * that. Then listening ends and drain_timeout_ms begins, the limit of everything that follows: idle connections are
 * closed, and the requests in flight are finished, those included that arrive on kept connections meanwhile. True
 * when all requests were finished. */
bool server_drain(server *s);
/* Ends all threads of the service. Requests still in flight get 503 `shutting_down`, and a second is allowed for
 * these replies. No spans are recorded after it; the registry can be read until server_close. NULL allowed. */
void server_stop(server *s);
/* Stops the server unless server_stop was called, and frees it. NULL allowed. */
void server_close(server *s);

#endif
