/* TEI's calls for classifiers, for the vectors of tokens and for weights of token ids: Predict, PredictPair, Rerank, EmbedAll and EmbedSparse. As in tei.c a message
 * becomes the JSON of the HTTP interface and is read by its reader. */
#include "grpc/methods.h"

#include "api/ranking.h"
#include "api/tei.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/memory.h"
#include "grpc/message.h"
#include "grpc/tei.pb-c.h"
#include "grpc/tei_call.h"

#include <string.h>

/* Of a document in a reply, beside its text. */
#define RANK_BYTES 32
/* Of a label in a reply, beside its text. */
#define LABEL_BYTES 16
/* Of an id and its weight in a reply. */
#define WEIGHT_BYTES 16
/* Of a token's vector in a reply, beside its numbers. */
#define TOKEN_BYTES 16

static json_t *json_strings(const ProtobufCBinaryData *texts, size_t count, const char *param,
                            http_error *error)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && list != NULL; i++) {
        json_t *text = grpc_json_string(texts[i], param, error);
        if (text == NULL || json_array_append_new(list, text) != 0) {
            if (text != NULL)
                http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
            json_decref(list);
            return NULL;
        }
    }
    if (list == NULL)
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
    return list;
}

static bool set_common(json_t *root, bool truncate, Tei__V1__TruncationDirection side, http_error *error)
{
    const bool left = side == TEI__V1__TRUNCATION_DIRECTION__TRUNCATION_DIRECTION_LEFT;
    return grpc_json_set(root, "truncate", json_boolean(truncate), error) &&
           grpc_json_set(root, "truncation_direction", json_string(left ? "left" : "right"), error);
}

static bool set_text(json_t *root, ProtobufCBinaryData text, bool truncate, Tei__V1__TruncationDirection side,
                     http_error *error)
{
    return grpc_json_set_string(root, "inputs", text, error) && set_common(root, truncate, side, error);
}

/* ---- Labels of a text or of a pair ------------------------------------------------------------------------------ */

static bool read_predict(api_call *call, const api_request *request, const api_service *service,
                         http_error *error)
{
    Tei__V1__PredictRequest *message =
        grpc_message_read(&tei__v1__predict_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const size_t characters = grpc_tei_characters(message->inputs);
    const bool done =
        grpc_tei_begin(call, error) &&
        set_text(call->root, message->inputs, message->truncate, message->truncation_direction, error) &&
        grpc_json_set(call->root, "raw_scores", json_boolean(message->raw_scores), error) &&
        tei_predict_fields(call, service, error);
    grpc_tei_count(call, characters);
    grpc_message_free(message);
    return done;
}

static bool read_pair(api_call *call, const api_request *request, const api_service *service,
                      http_error *error)
{
    Tei__V1__PredictPairRequest *message =
        grpc_message_read(&tei__v1__predict_pair_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    size_t characters = 0;
    for (size_t i = 0; i < message->n_inputs; i++)
        characters += grpc_tei_characters(message->inputs[i]);
    bool done = message->n_inputs == 2 && grpc_tei_begin(call, error);
    if (message->n_inputs != 2)
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "inputs", "a pair has two texts; these are %zu",
                       message->n_inputs);
    done = done &&
           grpc_json_set(call->root, "inputs", json_strings(message->inputs, 2, "inputs", error), error) &&
           set_common(call->root, message->truncate, message->truncation_direction, error) &&
           grpc_json_set(call->root, "raw_scores", json_boolean(message->raw_scores), error) &&
           tei_predict_fields(call, service, error);
    grpc_tei_count(call, characters);
    grpc_message_free(message);
    return done;
}

static size_t bound_predict(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call;
    size_t bytes = GRPC_TEI_REST_BYTES;
    for (size_t i = 0; i < result->dimension; i++)
        bytes += LABEL_BYTES + strlen(encoder_label(service->enc, i));
    return bytes;
}

/* Of one text's logits. labels, list: [result->dimension]. */
static aki_status fill_labels(const api_call *call, const api_result *result, const api_service *service,
                              Tei__V1__Prediction *labels, Tei__V1__Prediction **list, aki_error *error)
{
    const size_t count = result->dimension;
    float *scores = mem_alloc(count, sizeof *scores);
    size_t *order = mem_alloc(count, sizeof *order);
    aki_status status = scores != NULL && order != NULL
                            ? AKI_OK
                            : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    if (status == AKI_OK) {
        memcpy(scores, result->vectors, count * sizeof *scores);
        encoder_scores(service->enc, call->scores, scores);
        status = vector_json_check(scores, count, 0, error);
    }
    if (status == AKI_OK)
        encoder_order(scores, count, order);
    for (size_t i = 0; i < count && status == AKI_OK; i++) {
        list[i] = &labels[i];
        tei__v1__prediction__init(&labels[i]);
        labels[i].score = scores[order[i]];
        labels[i].label = grpc_text(encoder_label(service->enc, order[i]));
    }
    mem_free(order);
    mem_free(scores);
    return status;
}

static aki_status write_predict(const api_call *call, const api_result *result, const api_service *service,
                                buf *out, aki_error *error)
{
    Tei__V1__PredictResponse reply = TEI__V1__PREDICT_RESPONSE__INIT;
    Tei__V1__Metadata metadata;
    Tei__V1__Prediction *labels = mem_alloc(result->dimension, sizeof *labels),
                        **list = mem_alloc(result->dimension, sizeof *list);
    aki_status status = labels != NULL && list != NULL
                            ? fill_labels(call, result, service, labels, list, error)
                            : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    reply.n_predictions = result->dimension;
    reply.predictions = list;
    reply.metadata = grpc_tei_metadata(call, result, &metadata);
    if (status == AKI_OK)
        status = grpc_message_append(out, &reply.base, error);
    mem_free(list);
    mem_free(labels);
    return status;
}

/* ---- Documents in the order in which they answer a query -------------------------------------------------------- */

static bool read_rerank(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    Tei__V1__RerankRequest *message =
        grpc_message_read(&tei__v1__rerank_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    size_t characters = grpc_tei_characters(message->query);
    for (size_t i = 0; i < message->n_texts; i++)
        characters += grpc_tei_characters(message->texts[i]);
    const bool done = grpc_tei_begin(call, error) &&
                      grpc_json_set_string(call->root, "query", message->query, error) &&
                      grpc_json_set(call->root, "texts",
                                    json_strings(message->texts, message->n_texts, "texts", error), error) &&
                      set_common(call->root, message->truncate, message->truncation_direction, error) &&
                      grpc_json_set(call->root, "raw_scores", json_boolean(message->raw_scores), error) &&
                      grpc_json_set(call->root, "return_text", json_boolean(message->return_text), error) &&
                      tei_rerank_fields(call, service, error);
    grpc_tei_count(call, characters);
    grpc_message_free(message);
    return done;
}

/* One message for each text: the first one's options count. */
typedef struct rerank_stream {
    api_call *call;
    json_t *queries, *texts; /* of call->root */
    size_t characters;
    bool truncate;
    Tei__V1__TruncationDirection side;
} rerank_stream;

static bool begin_stream(rerank_stream *s, const Tei__V1__RerankStreamRequest *message, http_error *error)
{
    json_t *root = s->call->root;
    s->truncate = message->truncate;
    s->side = message->truncation_direction;
    return set_common(root, message->truncate, message->truncation_direction, error) &&
           grpc_json_set(root, "raw_scores", json_boolean(message->raw_scores), error) &&
           grpc_json_set(root, "return_text", json_boolean(message->return_text), error);
}

static bool append_string(json_t *list, ProtobufCBinaryData text, const char *param, http_error *error)
{
    json_t *value = grpc_json_string(text, param, error);
    if (value == NULL)
        return false;
    if (json_array_append_new(list, value) == 0)
        return true;
    http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
    return false;
}

static bool add_message(rerank_stream *s, const Tei__V1__RerankStreamRequest *message,
                        const api_service *service, http_error *error)
{
    const size_t index = json_array_size(s->texts);
    if (index == service->max_texts) {
        http_error_set(error, HTTP_ERROR_TOO_MANY_TEXTS, "text",
                       "the stream has more than %zu messages; one call takes at most so many", index);
        return false;
    }
    if (index == 0 && !begin_stream(s, message, error))
        return false;
    if (message->truncate != s->truncate || message->truncation_direction != s->side) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "truncate",
                       "message %zu cuts texts in another way than the first one: truncate and "
                       "truncation_direction must be the same in all messages of a call",
                       index);
        return false;
    }
    s->characters += grpc_tei_characters(message->query) + grpc_tei_characters(message->text);
    return append_string(s->queries, message->query, "query", error) &&
           append_string(s->texts, message->text, "text", error);
}

static bool add_messages(rerank_stream *s, const api_request *body, const api_service *service,
                         http_error *error)
{
    api_request frame;
    bool done = true;
    for (size_t at = 0; done && grpc_frame_next(body, &at, &frame);) {
        Tei__V1__RerankStreamRequest *message =
            grpc_message_read(&tei__v1__rerank_stream_request__descriptor, &frame, service, error);
        done = message != NULL && add_message(s, message, service, error);
        grpc_message_free(message);
    }
    if (done && json_array_size(s->texts) == 0)
        http_error_set(error, HTTP_ERROR_EMPTY_INPUT, "text", "the stream has no message");
    return done && json_array_size(s->texts) > 0;
}

static bool read_rerank_stream(api_call *call, const api_request *request, const api_service *service,
                               http_error *error)
{
    rerank_stream s = {.call = call, .queries = json_array(), .texts = json_array()};
    if (s.queries == NULL || s.texts == NULL)
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
    const bool begun = grpc_tei_begin(call, error) && grpc_json_set(call->root, "query", s.queries, error);
    if (!begun)
        json_decref(s.texts);
    if (!begun || !grpc_json_set(call->root, "texts", s.texts, error))
        return false;
    const bool done =
        add_messages(&s, request, service, error) && tei_rerank_each_fields(call, service, error);
    grpc_tei_count(call, s.characters);
    return done;
}

static size_t bound_rerank(const api_call *call, const api_result *result, const api_service *service)
{
    (void)service;
    const size_t bytes = ranking_bound(call, result, RANK_BYTES);
    return bytes < SIZE_MAX - GRPC_TEI_REST_BYTES ? bytes + GRPC_TEI_REST_BYTES : SIZE_MAX;
}

static void fill_ranks(const api_call *call, const ranking *r, Tei__V1__Rank *ranks, Tei__V1__Rank **list)
{
    for (size_t i = 0; i < r->told; i++) {
        const size_t index = r->order[i];
        list[i] = &ranks[i];
        tei__v1__rank__init(&ranks[i]);
        ranks[i].index = (uint32_t)index;
        ranks[i].score = r->scores[index];
        if (!call->returns_documents)
            continue;
        ranks[i].has_text_case = TEI__V1__RANK__HAS_TEXT_TEXT;
        ranks[i].text =
            (ProtobufCBinaryData){call->texts[index].length, (uint8_t *)(uintptr_t)call->texts[index].data};
    }
}

static aki_status write_rerank(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    ranking r;
    aki_status status = ranking_open(&r, call, result, service, error);
    if (status == AKI_OK)
        status = vector_json_check(r.scores, r.count, 0, error);
    if (status == AKI_OK) {
        Tei__V1__RerankResponse reply = TEI__V1__RERANK_RESPONSE__INIT;
        Tei__V1__Metadata metadata;
        Tei__V1__Rank *ranks = mem_alloc(r.told, sizeof *ranks), **list = mem_alloc(r.told, sizeof *list);
        if (ranks != NULL && list != NULL) {
            fill_ranks(call, &r, ranks, list);
            reply.n_ranks = r.told;
            reply.ranks = list;
            reply.metadata = grpc_tei_metadata(call, result, &metadata);
            status = grpc_message_append(out, &reply.base, error);
        } else {
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
        }
        mem_free(list);
        mem_free(ranks);
    }
    ranking_close(&r);
    return status;
}

/* ---- A vector for every token ----------------------------------------------------------------------------------- */

static bool read_all(api_call *call, const api_request *request, const api_service *service,
                     http_error *error)
{
    Tei__V1__EmbedAllRequest *message =
        grpc_message_read(&tei__v1__embed_all_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const size_t characters = grpc_tei_characters(message->inputs);
    const bool done =
        grpc_tei_begin(call, error) &&
        set_text(call->root, message->inputs, message->truncate, message->truncation_direction, error) &&
        (message->has_prompt_name_case == TEI__V1__EMBED_ALL_REQUEST__HAS_PROMPT_NAME__NOT_SET ||
         grpc_json_set_string(call->root, "prompt_name", message->prompt_name, error)) &&
        tei_embed_all_fields(call, service, error);
    grpc_tei_count(call, characters);
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

/* ---- Weights of token ids --------------------------------------------------------------------------------------- */

static bool read_sparse(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    Tei__V1__EmbedSparseRequest *message =
        grpc_message_read(&tei__v1__embed_sparse_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const size_t characters = grpc_tei_characters(message->inputs);
    const bool done =
        grpc_tei_begin(call, error) &&
        set_text(call->root, message->inputs, message->truncate, message->truncation_direction, error) &&
        (message->has_prompt_name_case == TEI__V1__EMBED_SPARSE_REQUEST__HAS_PROMPT_NAME__NOT_SET ||
         grpc_json_set_string(call->root, "prompt_name", message->prompt_name, error)) &&
        tei_embed_sparse_fields(call, service, error);
    grpc_tei_count(call, characters);
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
const api_operation grpc_tei_predict = {&grpc_dialect, read_predict, bound_predict,
                                        write_predict, NULL,         .use = ENCODER_CLASSIFIES};
const api_operation grpc_tei_predict_pair = {&grpc_dialect, read_pair, bound_predict,
                                             write_predict, NULL,      .use = ENCODER_CLASSIFIES};
const api_operation grpc_tei_rerank = {&grpc_dialect, read_rerank, bound_rerank,
                                       write_rerank,  NULL,        .use = ENCODER_RERANKS};
const api_operation grpc_tei_rerank_stream = {
    &grpc_dialect, read_rerank_stream, bound_rerank, write_rerank, NULL, .use = ENCODER_RERANKS};
const api_operation grpc_tei_embed_all = {&grpc_dialect, read_all, bound_all, write_all, NULL};
