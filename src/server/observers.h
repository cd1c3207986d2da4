/* The observers of the service's exchanges: the log of requests, metrics, traces. */
#ifndef SERVER_OBSERVERS_H
#define SERVER_OBSERVERS_H

#include "server/exchange.h"

/* The last is NULL. */
extern const exchange_observer *const server_observers[];

#endif
