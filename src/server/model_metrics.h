/* The metrics of each model, read from the set of models when they are asked for. */
#ifndef SERVER_MODEL_METRICS_H
#define SERVER_MODEL_METRICS_H

#include "server/service.h"

void model_metrics_register(server *s);

#endif
