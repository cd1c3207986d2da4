/* gRPC's status codes: which one each error of the service is, and how it is told, in one table. docs/GRPC.md has the same. */
#ifndef GRPC_STATUS_H
#define GRPC_STATUS_H

#include "api/http_error.h"

typedef enum grpc_code {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16,
} grpc_code;

grpc_code grpc_code_of(http_error_code code);
/* "INVALID_ARGUMENT". Static storage. */
const char *grpc_code_name(grpc_code code);

/* Appends grpc-status, and of an error grpc-message (percent-encoded): name NUL value NUL for each. error NULL = OK. */
void grpc_status_write(const http_error *error, buf *out);

#endif
