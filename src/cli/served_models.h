/* The models that a running service serves, asked for over HTTP: GET /api/v1/models. */
#ifndef CLI_SERVED_MODELS_H
#define CLI_SERVED_MODELS_H

#include "base/buf.h"
#include "hub/hub.h"

#include <jansson.h>

/* *models: the list of its reply, to be freed with json_decref. server: "http://127.0.0.1:8080". Errors: AKI_IO_ERROR (no answer,
 * or none that can be read), AKI_INVALID_ARGUMENT (no address), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status served_models_ask(const char *server, const hub_settings *settings, json_t **models,
                                            aki_error *error);
/* A table for people. */
void served_models_append(buf *out, const char *server, const json_t *models);

#endif
