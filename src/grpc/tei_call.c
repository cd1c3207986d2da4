#include "grpc/tei_call.h"

#include "grpc/message.h"
#include "grpc/tei.pb-c.h"

#include <limits.h>

uint32_t grpc_tei_clamp(size_t number)
{
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

static uint64_t nanoseconds(int64_t ns)
{
    return ns > 0 ? (uint64_t)ns : 0;
}

size_t grpc_tei_characters(ProtobufCBinaryData text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += (text.data[i] & 0xC0) != 0x80;
    return count;
}

bool grpc_tei_begin(api_call *call, http_error *error)
{
    call->options = (aki_embed_options){.pooling = AKI_POOLING_MODEL, .normalize = AKI_ON};
    call->root = json_object();
    if (call->root == NULL)
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the call");
    return call->root != NULL;
}

void grpc_tei_count(api_call *call, size_t characters)
{
    call->variant = characters < INT_MAX ? (int)characters : INT_MAX;
}

Tei__V1__Metadata *grpc_tei_metadata(const api_call *call, const api_result *result,
                                     Tei__V1__Metadata *metadata)
{
    tei__v1__metadata__init(metadata);
    metadata->compute_chars = (uint32_t)call->variant;
    metadata->compute_tokens = grpc_tei_clamp(api_tokens(result));
    metadata->total_time_ns = nanoseconds(result->duration_ns);
    metadata->tokenization_time_ns = nanoseconds(result->tokenize_ns);
    metadata->queue_time_ns = nanoseconds(result->queue_ns);
    metadata->inference_time_ns = nanoseconds(result->inference_ns);
    return metadata;
}

bool grpc_tei_set_cut(json_t *root, bool truncate, int direction, http_error *error)
{
    const bool left = direction == TEI__V1__TRUNCATION_DIRECTION__TRUNCATION_DIRECTION_LEFT;
    return grpc_json_set(root, "truncate", json_boolean(truncate), error) &&
           grpc_json_set(root, "truncation_direction", json_string(left ? "left" : "right"), error);
}

bool grpc_tei_set_text(json_t *root, ProtobufCBinaryData text, bool truncate, int direction,
                       http_error *error)
{
    return grpc_json_set_string(root, "inputs", text, error) &&
           grpc_tei_set_cut(root, truncate, direction, error);
}

bool grpc_tei_set_prompt(json_t *root, bool given, ProtobufCBinaryData name, http_error *error)
{
    return !given || grpc_json_set_string(root, "prompt_name", name, error);
}

bool grpc_tei_read_text(api_call *call, const grpc_tei_text *text,
                        bool (*fields)(api_call *call, const api_service *service, http_error *error),
                        const api_service *service, http_error *error)
{
    const bool done = grpc_tei_begin(call, error) &&
                      grpc_tei_set_text(call->root, text->inputs, text->truncate, text->direction, error) &&
                      grpc_tei_set_prompt(call->root, text->has_prompt, text->prompt, error) &&
                      fields(call, service, error);
    grpc_tei_count(call, grpc_tei_characters(text->inputs));
    return done;
}

bool grpc_tei_append_text(json_t *list, ProtobufCBinaryData text, const char *param, http_error *error)
{
    json_t *value = grpc_json_string(text, param, error);
    if (value == NULL)
        return false;
    if (json_array_append_new(list, value) == 0)
        return true;
    http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
    return false;
}

json_t *grpc_tei_strings(const ProtobufCBinaryData *texts, size_t count, const char *param, http_error *error)
{
    json_t *list = json_array();
    if (list == NULL)
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
    for (size_t i = 0; i < count && list != NULL; i++)
        if (!grpc_tei_append_text(list, texts[i], param, error)) {
            json_decref(list);
            return NULL;
        }
    return list;
}
