/* Readers of what the scheduler's devices, circuit breakers and retries count. */
#ifndef SERVER_DEVICE_METRICS_H
#define SERVER_DEVICE_METRICS_H

#include "server/service.h"

/* Before the first scrape. */
void device_metrics_register(server *s);

#endif
