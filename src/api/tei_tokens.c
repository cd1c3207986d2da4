/* TEI's POST /embed_all: the vectors of each text's tokens, as aki_embed_tokens gives them. */
#include "api/api.h"

#include "api/float_text.h"
#include "api/input.h"
#include "api/options.h"
#include "api/tei.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/memory.h"

static const api_field fields[] = {{"truncate", option_truncate},
                                   {"truncation_direction", option_side},
                                   {"prompt_name", option_prompt},
                                   {NULL, NULL}};

bool tei_embed_all_fields(api_call *call, const api_service *service, http_error *error)
{
    call->output = ENCODER_TOKENS;
    return options_read(call, call->root, fields, service, error) &&
           input_read(call, "inputs", json_object_get(call->root, "inputs"), INPUT_STRING | INPUT_IDS,
                      service, error) &&
           input_cut(call, service, error);
}

static bool read_embed_all(api_call *call, const api_request *request, const api_service *service,
                           http_error *error)
{
    return input_load(call, request, "inputs", service, error) && tei_embed_all_fields(call, service, error);
}

static size_t bound_embed_all(const api_call *call, const api_result *result, const api_service *service)
{
    (void)service;
    size_t all;
    if (!size_mul(api_tokens(result), result->dimension / call->token_room * (FLOAT_TEXT_MAX + 1) + 3,
                  &all) ||
        !size_add(all, 4 * result->count + 64, &all))
        return SIZE_MAX;
    return all;
}

static aki_status write_embed_all(const api_call *call, const api_result *result, const api_service *service,
                                  buf *out, aki_error *error)
{
    const size_t width = result->dimension / call->token_room;
    for (size_t i = 0; i < result->count; i++) {
        buf_append_string(out, i > 0 ? ",[" : "[[");
        for (size_t t = 0; t < api_token_vectors(result, service, i); t++) {
            const float *vector = result->vectors + i * result->dimension + t * width;
            if (t > 0)
                buf_append_char(out, ',');
            aki_status status = vector_json_write_numbers(vector, width, i, out, error);
            if (status != AKI_OK)
                return status;
        }
        buf_append_char(out, ']');
    }
    buf_append_string(out, "]\n");
    return AKI_OK;
}

static const api_description embed_all_form = {
    .members = "'inputs':{'$ref':'#/components/schemas/TextsOrIds'}",
    .fields = {fields},
    .required = "'inputs'",
    .reply = "{'type':'array','items':{'$ref':'#/components/schemas/Vectors'}}"};

const api_operation tei_embed_all = {&tei_dialect, read_embed_all, bound_embed_all, write_embed_all,
                                     &embed_all_form};
