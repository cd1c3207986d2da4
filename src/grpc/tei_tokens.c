/* EmbedAll of tei.v1: a vector for every token of a text. */
#include "grpc/methods.h"

#include "api/tei.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/memory.h"
#include "grpc/message.h"
#include "grpc/tei.pb-c.h"
#include "grpc/tei_call.h"

/* Of a token's vector in a reply, beside its numbers. */
#define TOKEN_BYTES 16

static bool read_all(api_call *call, const api_request *request, const api_service *service,
                     http_error *error)
{
    Tei__V1__EmbedAllRequest *message =
        grpc_message_read(&tei__v1__embed_all_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const grpc_tei_text text = {
        .inputs = message->inputs,
        .truncate = message->truncate,
        .direction = message->truncation_direction,
        .has_prompt = message->has_prompt_name_case != TEI__V1__EMBED_ALL_REQUEST__HAS_PROMPT_NAME__NOT_SET,
        .prompt = message->prompt_name,
    };
    const bool done = grpc_tei_read_text(call, &text, tei_embed_all_fields, service, error);
    grpc_message_free(message);
    return done;
}

static size_t bound_all(const api_call *call, const api_result *result, const api_service *service)
{
    (void)service;
    size_t bytes;
    if (!size_mul(api_tokens(result), result->dimension / call->token_room * sizeof(float) + TOKEN_BYTES,
                  &bytes) ||
        !size_add(bytes, GRPC_TEI_REST_BYTES, &bytes))
        return SIZE_MAX;
    return bytes;
}

static aki_status write_all(const api_call *call, const api_result *result, const api_service *service,
                            buf *out, aki_error *error)
{
    Tei__V1__EmbedAllResponse reply = TEI__V1__EMBED_ALL_RESPONSE__INIT;
    Tei__V1__Metadata metadata;
    const size_t tokens = api_token_vectors(result, service, 0), width = result->dimension / call->token_room;
    Tei__V1__TokenEmbedding *vectors = mem_alloc(tokens + 1, sizeof *vectors),
                            **list = mem_alloc(tokens + 1, sizeof *list);
    aki_status status = vectors != NULL && list != NULL
                            ? vector_json_check(result->vectors, tokens * width, 0, error)
                            : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    for (size_t t = 0; t < tokens && status == AKI_OK; t++) {
        list[t] = &vectors[t];
        tei__v1__token_embedding__init(&vectors[t]);
        vectors[t].n_embeddings = width;
        vectors[t].embeddings = (float *)(uintptr_t)(result->vectors + t * width);
    }
    reply.n_token_embeddings = tokens;
    reply.token_embeddings = list;
    reply.metadata = grpc_tei_metadata(call, result, &metadata);
    if (status == AKI_OK)
        status = grpc_message_append(out, &reply.base, error);
    mem_free(list);
    mem_free(vectors);
    return status;
}

const api_operation grpc_tei_embed_all = {&grpc_dialect, read_all, bound_all, write_all, NULL};
