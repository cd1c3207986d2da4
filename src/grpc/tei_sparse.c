/* EmbedSparse of tei.v1: the ids of tokens that stand for a text, with their weights. */
#include "grpc/methods.h"

#include "api/tei.h"
#include "base/error.h"
#include "base/memory.h"
#include "grpc/message.h"
#include "grpc/tei.pb-c.h"
#include "grpc/tei_call.h"

/* Of an id and its weight in a reply. */
#define WEIGHT_BYTES 16

static bool read_sparse(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    Tei__V1__EmbedSparseRequest *message =
        grpc_message_read(&tei__v1__embed_sparse_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const grpc_tei_text text = {
        .inputs = message->inputs,
        .truncate = message->truncate,
        .direction = message->truncation_direction,
        .has_prompt =
            message->has_prompt_name_case != TEI__V1__EMBED_SPARSE_REQUEST__HAS_PROMPT_NAME__NOT_SET,
        .prompt = message->prompt_name,
    };
    const bool done = grpc_tei_read_text(call, &text, tei_embed_sparse_fields, service, error);
    grpc_message_free(message);
    return done;
}

static size_t bound_sparse(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call;
    return GRPC_TEI_REST_BYTES +
           WEIGHT_BYTES * encoder_sparse_read(service->enc, result->vectors, NULL, NULL);
}

static aki_status write_sparse(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    Tei__V1__EmbedSparseResponse reply = TEI__V1__EMBED_SPARSE_RESPONSE__INIT;
    Tei__V1__Metadata metadata;
    tei_sparse weights;
    aki_status status = tei_sparse_open(&weights, result, 0, service, error);
    const size_t room = weights.count > 0 ? weights.count : 1;
    Tei__V1__SparseValue *values = mem_alloc(room, sizeof *values), **list = mem_alloc(room, sizeof *list);
    if (status == AKI_OK && (values == NULL || list == NULL))
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    for (size_t i = 0; i < weights.count && status == AKI_OK; i++) {
        list[i] = &values[i];
        tei__v1__sparse_value__init(&values[i]);
        values[i].index = (uint32_t)weights.ids[i];
        values[i].value = weights.values[i];
    }
    reply.n_sparse_embeddings = weights.count;
    reply.sparse_embeddings = list;
    reply.metadata = grpc_tei_metadata(call, result, &metadata);
    if (status == AKI_OK)
        status = grpc_message_append(out, &reply.base, error);
    mem_free(list);
    mem_free(values);
    tei_sparse_close(&weights);
    return status;
}

const api_operation grpc_tei_embed_sparse = {&grpc_dialect, read_sparse, bound_sparse,
                                             write_sparse,  NULL,        .use = ENCODER_WEIGHS};
