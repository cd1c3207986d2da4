/* The models of the server: a model_set whose models are opened with the server's settings, and what other parts of the server
 * ask of all of them. */
#ifndef SERVER_MODELS_H
#define SERVER_MODELS_H

#include "server/service.h"
#include "serving/model_totals.h"

/* Opens server.models with the configured models. Nothing is loaded yet. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status models_open(server *s, aki_error *error);
/* The default, from an encoder that the caller has opened. owned: it is closed with the model. */
AKI_MUST_CHECK aki_status models_attach(server *s, encoder *enc, bool owned, const char *folder,
                                        aki_error *error);
/* Takes another list of models. */
AKI_MUST_CHECK aki_status models_configure(server *s, const model_spec *specs, size_t count,
                                           aki_error *error);
/* For the metrics: how long opening a model took. */
void models_note_load(server *s, int64_t duration_ns);
/* For watchdog_watch; cookie: the server. */
void models_each_target(void *cookie, void (*see)(void *see_cookie, watch_target *target), void *see_cookie);

/* Of all models that are or were loaded. */
void models_read_totals(const server *s, model_totals *out);
/* Calls `see` with the scheduler of the default, of all loaded models: not to block. */
void models_default_scheduler(const server *s, void (*see)(void *cookie, scheduler *work), void *cookie);
void models_each_scheduler(const server *s, void (*see)(void *cookie, scheduler *work), void *cookie);
/* The worst of all loaded models, in the order closed, half open, open. */
breaker_state models_breaker_state(const server *s);

/* For api_models: cookie is the server. */
size_t models_list(void *cookie, api_listed *out, size_t room);

#endif
