#include "grpc/methods.h"

#include "grpc/status.h"

#include <string.h>
#include <strings.h>

static const char *const headers[][2] = {{"grpc-accept-encoding", "identity, gzip"}, {NULL, NULL}};

const api_dialect grpc_dialect = {.text_field = "inputs",
                                  .example = "",
                                  .any_media_type = true,
                                  .headers = headers,
                                  .retry_field = "grpc-retry-pushback-ms",
                                  .media_type = GRPC_MEDIA_TYPE,
                                  .write_trailers = grpc_status_write};

const api_operation grpc_unknown = {.dialect = &grpc_dialect};

bool grpc_is_media_type(const char *content_type)
{
    static const char wanted[] = GRPC_MEDIA_TYPE;
    const size_t length = sizeof wanted - 1;
    if (content_type == NULL || strncasecmp(content_type, wanted, length) != 0)
        return false;
    const char *rest = content_type + length;
    if (strncasecmp(rest, "+proto", 6) == 0)
        rest += 6;
    return *rest == '\0' || *rest == ';' || *rest == ' ' || *rest == '\t';
}
