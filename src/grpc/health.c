/* gRPC's health service, grpc.health.v1. The server and each of its services have one state, that of GET /health/ready. */
#include "grpc/methods.h"

#include "grpc/health.pb-c.h"
#include "grpc/message.h"

#include <stdio.h>

enum { KNOWN, UNKNOWN };

static bool read_name(api_call *call, const api_request *request, const api_service *service,
                      http_error *error, char *name, size_t room)
{
    Grpc__Health__V1__HealthCheckRequest *message =
        grpc_message_read(&grpc__health__v1__health_check_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const ProtobufCBinaryData asked = message->service;
    call->variant = asked.len == 0 || grpc_has_service((const char *)asked.data, asked.len) ? KNOWN : UNKNOWN;
    snprintf(name, room, "%.*s", (int)asked.len, asked.len > 0 ? (const char *)asked.data : "");
    grpc_message_free(message);
    return true;
}

static bool read_check(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    char name[100];
    if (!read_name(call, request, service, error, name, sizeof name))
        return false;
    if (call->variant == UNKNOWN)
        http_error_set(error, HTTP_ERROR_MODEL_NOT_FOUND, NULL, "there is no service \"%s\" here", name);
    return call->variant == KNOWN;
}

static bool read_watch(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    char name[100];
    return read_name(call, request, service, error, name, sizeof name);
}

static aki_status write_state(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    (void)result;
    Grpc__Health__V1__HealthCheckResponse reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    reply.status = call->variant == UNKNOWN
                       ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
                   : service->is_ready(service->server)
                       ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
                       : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
    return grpc_message_append(out, &reply.base, error);
}

const api_operation grpc_health_check = {&grpc_dialect, read_check, NULL, write_state, NULL, true};
const api_operation grpc_health_watch = {&grpc_dialect, read_watch, NULL, write_state, NULL, true};
