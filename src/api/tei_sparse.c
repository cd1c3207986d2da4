/* TEI's POST /embed_sparse: token ids and their weights of each text, as [[{"index":…,"value":…}]], the ids rising. */
#include "api/api.h"

#include "api/float_text.h"
#include "api/input.h"
#include "api/options.h"
#include "api/tei.h"
#include "base/error.h"
#include "base/memory.h"

/* {"index":4294967295,"value":},  */
#define ENTRY_BYTES (32 + FLOAT_TEXT_MAX)

static const api_field fields[] = {{"truncate", option_truncate},
                                   {"truncation_direction", option_side},
                                   {"prompt_name", option_prompt},
                                   {NULL, NULL}};

bool tei_embed_sparse_fields(api_call *call, const api_service *service, http_error *error)
{
    call->output = ENCODER_SPARSE;
    return options_read(call, call->root, fields, service, error) &&
           input_read(call, "inputs", json_object_get(call->root, "inputs"), INPUT_STRING | INPUT_IDS,
                      service, error) &&
           input_cut(call, service, error);
}

aki_status tei_sparse_open(tei_sparse *weights, const api_result *result, size_t index,
                           const api_service *service, aki_error *error)
{
    const float *numbers = result->vectors + index * result->dimension;
    weights->count = encoder_sparse_read(service->enc, numbers, NULL, NULL);
    const size_t room = weights->count > 0 ? weights->count : 1;
    weights->ids = mem_alloc(room, sizeof *weights->ids);
    weights->values = mem_alloc(room, sizeof *weights->values);
    if (weights->ids == NULL || weights->values == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    encoder_sparse_read(service->enc, numbers, weights->ids, weights->values);
    return AKI_OK;
}

void tei_sparse_close(tei_sparse *weights)
{
    mem_free(weights->ids);
    mem_free(weights->values);
    *weights = (tei_sparse){0};
}

static bool read_embed_sparse(api_call *call, const api_request *request, const api_service *service,
                              http_error *error)
{
    return input_load(call, request, "inputs", service, error) &&
           tei_embed_sparse_fields(call, service, error);
}

static size_t bound_embed_sparse(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call;
    size_t all = 64;
    for (size_t i = 0; i < result->count; i++)
        all += 4 + ENTRY_BYTES *
                       encoder_sparse_read(service->enc, result->vectors + i * result->dimension, NULL, NULL);
    return all;
}

static aki_status write_text(const tei_sparse *weights, size_t index, buf *out, aki_error *error)
{
    for (size_t i = 0; i < weights->count; i++) {
        char text[FLOAT_TEXT_MAX];
        const size_t length = float_text_write(weights->values[i], text);
        if (length == 0)
            return error_set(error, AKI_NOT_FINITE, "a weight of text %zu is no number", index);
        buf_printf(out, "%s{\"index\":%d,\"value\":", i > 0 ? "," : "", (int)weights->ids[i]);
        buf_append(out, text, length);
        buf_append_char(out, '}');
    }
    return AKI_OK;
}

static aki_status write_embed_sparse(const api_call *call, const api_result *result,
                                     const api_service *service, buf *out, aki_error *error)
{
    (void)call;
    aki_status status = AKI_OK;
    for (size_t i = 0; i < result->count && status == AKI_OK; i++) {
        tei_sparse weights;
        buf_append_string(out, i > 0 ? ",[" : "[[");
        status = tei_sparse_open(&weights, result, i, service, error);
        if (status == AKI_OK)
            status = write_text(&weights, i, out, error);
        tei_sparse_close(&weights);
        buf_append_char(out, ']');
    }
    buf_append_string(out, "]\n");
    return status;
}

static const api_description embed_sparse_form = {
    .members = "'inputs':{'$ref':'#/components/schemas/TextsOrIds'}",
    .fields = {fields},
    .required = "'inputs'",
    .reply = "{'type':'array','items':{'type':'array','items':{'type':'object',"
             "'required':['index','value'],'properties':{'index':{'type':'integer','minimum':0},"
             "'value':{'type':'number'}}}}}"};

const api_operation tei_embed_sparse = {.dialect = &tei_dialect,
                                        .read = read_embed_sparse,
                                        .bound = bound_embed_sparse,
                                        .write = write_embed_sparse,
                                        .description = &embed_sparse_form,
                                        .use = ENCODER_WEIGHS};
