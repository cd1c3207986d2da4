/* Rerank of tei.v1: documents in the order in which they answer a query. RerankStream takes one message for each document. */
#include "grpc/methods.h"

#include "api/ranking.h"
#include "api/tei.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/memory.h"
#include "grpc/message.h"
#include "grpc/tei.pb-c.h"
#include "grpc/tei_call.h"

/* Of a document in a reply, beside its text. */
#define RANK_BYTES 32

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
    const bool done =
        grpc_tei_begin(call, error) && grpc_json_set_string(call->root, "query", message->query, error) &&
        grpc_json_set(call->root, "texts", grpc_tei_strings(message->texts, message->n_texts, "texts", error),
                      error) &&
        grpc_tei_set_cut(call->root, message->truncate, message->truncation_direction, error) &&
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
    return grpc_tei_set_cut(root, message->truncate, message->truncation_direction, error) &&
           grpc_json_set(root, "raw_scores", json_boolean(message->raw_scores), error) &&
           grpc_json_set(root, "return_text", json_boolean(message->return_text), error);
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
    return grpc_tei_append_text(s->queries, message->query, "query", error) &&
           grpc_tei_append_text(s->texts, message->text, "text", error);
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

const api_operation grpc_tei_rerank = {&grpc_dialect, read_rerank, bound_rerank,
                                       write_rerank,  NULL,        .use = ENCODER_RERANKS};
const api_operation grpc_tei_rerank_stream = {
    &grpc_dialect, read_rerank_stream, bound_rerank, write_rerank, NULL, .use = ENCODER_RERANKS};
