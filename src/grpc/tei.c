/* Embed, Tokenize, Decode and Info of tei.v1; each of its other calls has a file of its own, tei_call.h says how all of them are read. As in TEI
 * a field that is left out is false or zero: texts are not truncated and vectors not normalised unless the message says so. */
#include "grpc/methods.h"

#include "api/tei.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "grpc/message.h"
#include "grpc/tei.pb-c.h"
#include "grpc/tei_call.h"

/* Of a token in a reply: its text and the numbers. */
#define TOKEN_BYTES ((size_t)256)

/* ---- Vectors --------------------------------------------------------------------------------------------------- */

static bool set_options(json_t *root, const Tei__V1__EmbedRequest *message, http_error *error)
{
    return grpc_tei_set_text(root, message->inputs, message->truncate, message->truncation_direction,
                             error) &&
           grpc_json_set(root, "normalize", json_boolean(message->normalize), error) &&
           grpc_tei_set_prompt(
               root, message->has_prompt_name_case != TEI__V1__EMBED_REQUEST__HAS_PROMPT_NAME__NOT_SET,
               message->prompt_name, error) &&
           (message->has_dimensions_case == TEI__V1__EMBED_REQUEST__HAS_DIMENSIONS__NOT_SET ||
            grpc_json_set(root, "dimensions", json_integer(message->dimensions), error));
}

static bool read_embed(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    Tei__V1__EmbedRequest *message =
        grpc_message_read(&tei__v1__embed_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const size_t characters = grpc_tei_characters(message->inputs);
    const bool done = grpc_tei_begin(call, error) && set_options(call->root, message, error) &&
                      tei_embed_fields(call, service, error);
    grpc_tei_count(call, characters);
    grpc_message_free(message);
    return done;
}

static size_t bound_embed(const api_call *call, const api_result *result, const api_service *service)
{
    (void)service;
    return GRPC_TEI_REST_BYTES + vector_json_dimension(call, result) * sizeof(float);
}

static aki_status write_embed(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    (void)service;
    Tei__V1__EmbedResponse reply = TEI__V1__EMBED_RESPONSE__INIT;
    Tei__V1__Metadata metadata;
    vector_json_writer w;
    aki_status status = vector_json_writer_open(&w, call, result, error);
    if (status == AKI_OK) {
        const float *vector = vector_json_get(&w, 0);
        reply.n_embeddings = vector_json_dimension(call, result);
        reply.embeddings = (float *)(uintptr_t)vector;
        status = vector_json_check(vector, reply.n_embeddings, 0, error);
    }
    reply.metadata = grpc_tei_metadata(call, result, &metadata);
    if (status == AKI_OK)
        status = grpc_message_append(out, &reply.base, error);
    vector_json_writer_close(&w);
    return status;
}

/* ---- Tokens ---------------------------------------------------------------------------------------------------- */

static bool read_tokenize(api_call *call, const api_request *request, const api_service *service,
                          http_error *error)
{
    Tei__V1__EncodeRequest *message =
        grpc_message_read(&tei__v1__encode_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const bool done =
        grpc_tei_begin(call, error) && grpc_json_set_string(call->root, "inputs", message->inputs, error) &&
        grpc_json_set(call->root, "add_special_tokens", json_boolean(message->add_special_tokens), error) &&
        grpc_tei_set_prompt(
            call->root, message->has_prompt_name_case != TEI__V1__ENCODE_REQUEST__HAS_PROMPT_NAME__NOT_SET,
            message->prompt_name, error) &&
        tei_tokenize_fields(call, service, error);
    grpc_message_free(message);
    return done;
}

static size_t bound_tokens(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call, (void)result, (void)service;
    return GRPC_TEI_REST_BYTES + TEI_MAX_TOKENS * TOKEN_BYTES;
}

static void append_varint(buf *out, size_t number)
{
    for (; number >= 0x80; number >>= 7)
        buf_append_char(out, (char)(number | 0x80));
    buf_append_char(out, (char)number);
}

/* A reply is one field, again and again; so the tokens are appended one by one and no list of them is kept. */
static void append_token(void *cookie, const tei_token *token)
{
    buf *out = cookie;
    Tei__V1__SimpleToken message = TEI__V1__SIMPLE_TOKEN__INIT;
    message.id = (uint32_t)token->id;
    message.text = grpc_text(token->text);
    message.special = token->special;
    if (token->place.start != TOKEN_PLACE_NONE) {
        message.has_start_case = TEI__V1__SIMPLE_TOKEN__HAS_START_START;
        message.start = token->place.start;
        message.has_stop_case = TEI__V1__SIMPLE_TOKEN__HAS_STOP_STOP;
        message.stop = token->place.end;
    }
    const size_t bytes = tei__v1__simple_token__get_packed_size(&message);
    buf_append_char(out, 1 << 3 | 2); /* EncodeResponse.tokens, with its length */
    append_varint(out, bytes);
    char *room = buf_reserve(out, bytes);
    if (room != NULL)
        buf_commit(out, tei__v1__simple_token__pack(&message, (uint8_t *)room));
}

static aki_status write_tokens(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    (void)result;
    size_t left = TEI_MAX_TOKENS;
    const size_t at = grpc_frame_begin(out);
    const aki_status status = tei_each_token(call, 0, service, &left, append_token, out, error);
    grpc_frame_end(out, at);
    return status;
}

static bool set_ids(json_t *root, const Tei__V1__DecodeRequest *message, http_error *error)
{
    json_t *ids = json_array();
    bool fits = ids != NULL;
    for (size_t i = 0; i < message->n_ids && i <= TEI_MAX_TOKENS && fits; i++)
        fits = json_array_append_new(ids, json_integer(message->ids[i])) == 0;
    if (!fits) {
        json_decref(ids);
        ids = NULL;
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the ids");
    }
    return grpc_json_set(root, "ids", ids, error);
}

static bool read_decode(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    Tei__V1__DecodeRequest *message =
        grpc_message_read(&tei__v1__decode_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const bool done =
        grpc_tei_begin(call, error) && set_ids(call->root, message, error) &&
        grpc_json_set(call->root, "skip_special_tokens", json_boolean(message->skip_special_tokens), error) &&
        tei_decode_fields(call, service, error);
    grpc_message_free(message);
    return done;
}

static aki_status write_decoded(const api_call *call, const api_result *result, const api_service *service,
                                buf *out, aki_error *error)
{
    (void)result;
    Tei__V1__DecodeResponse reply = TEI__V1__DECODE_RESPONSE__INIT;
    buf text;
    buf_init(&text, TEI_MAX_TOKENS * TOKEN_BYTES);
    aki_status status =
        tei_decode_list(service, json_object_get(call->root, "ids"), call->variant != 0, &text)
            ? AKI_OK
            : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    reply.text = (ProtobufCBinaryData){text.length, (uint8_t *)text.data};
    if (status == AKI_OK)
        status = grpc_message_append(out, &reply.base, error);
    buf_free(&text);
    return status;
}

/* ---- The model ------------------------------------------------------------------------------------------------- */

static bool read_info(api_call *call, const api_request *request, const api_service *service,
                      http_error *error)
{
    (void)call;
    Tei__V1__InfoRequest *message =
        grpc_message_read(&tei__v1__info_request__descriptor, request, service, error);
    grpc_message_free(message);
    return message != NULL;
}

static Tei__V1__ModelType type_of(const encoder *enc)
{
    aki_error error;
    if (encoder_check_use(enc, ENCODER_RERANKS, &error) == AKI_OK)
        return TEI__V1__MODEL_TYPE__MODEL_TYPE_RERANKER;
    return encoder_task(enc) == AKI_TASK_CLASSIFY ? TEI__V1__MODEL_TYPE__MODEL_TYPE_CLASSIFIER
                                                  : TEI__V1__MODEL_TYPE__MODEL_TYPE_EMBEDDING;
}

static aki_status write_info(const api_call *call, const api_result *result, const api_service *service,
                             buf *out, aki_error *error)
{
    (void)call, (void)result;
    Tei__V1__InfoResponse reply;
    aki_model_info info;
    encoder_describe(service->enc, &info);
    tei__v1__info_response__init(&reply);
    reply.version = grpc_text(aki_version());
    reply.model_id = grpc_text(service->model_name);
    reply.model_dtype = grpc_text(tei_type_name(info.precision));
    reply.model_type = type_of(service->enc);
    reply.max_concurrent_requests = grpc_tei_clamp(service->max_requests);
    reply.max_input_length = grpc_tei_clamp(encoder_max_tokens(service->enc));
    reply.max_batch_tokens = info.max_pass_tokens > reply.max_input_length
                                 ? grpc_tei_clamp(info.max_pass_tokens)
                                 : reply.max_input_length;
    reply.max_client_batch_size = grpc_tei_clamp(service->max_texts);
    reply.tokenization_workers = service->http_threads;
    return grpc_message_append(out, &reply.base, error);
}

const api_operation grpc_tei_info = {&grpc_dialect, read_info, NULL, write_info, NULL, false};
const api_operation grpc_tei_embed = {&grpc_dialect, read_embed, bound_embed, write_embed, NULL, false};
const api_operation grpc_tei_tokenize = {&grpc_dialect, read_tokenize, bound_tokens,
                                         write_tokens,  NULL,          false};
const api_operation grpc_tei_decode = {&grpc_dialect, read_decode, bound_tokens, write_decoded, NULL, false};
