/* Readers of KServe's JSON bodies, shared by HTTP and gRPC: options, limits and errors are the
 * same. */
#ifndef API_KSERVE_H
#define API_KSERVE_H

#include "api/api.h"

#define KSERVE_OUTPUT_NAME "embedding"
#define KSERVE_PLATFORM "akidb-embed"

/* How the reply's vectors are sent: call->variant. */
enum { KSERVE_JSON, KSERVE_BINARY };

/* The model's name, with or without /versions/1 behind it. False with *error filled: it is another one. */
bool kserve_check_name(const char *name, const api_service *service, http_error *error);

/* Reads call->root as the body of POST /v2/models/{model}/infer; bytes[0..length) is what follows the JSON. */
bool kserve_infer_fields(api_call *call, const char *bytes, size_t length, const api_service *service,
                         http_error *error);

#endif
