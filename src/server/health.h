/* GET /health/live and /health/ready: answered on the HTTP thread from what is known, never behind a queue. */
#ifndef SERVER_HEALTH_H
#define SERVER_HEALTH_H

#include "server/exchange.h"

enum MHD_Result health_live(exchange *x);
enum MHD_Result health_ready(exchange *x);

#endif
