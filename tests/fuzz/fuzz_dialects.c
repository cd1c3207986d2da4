/* Fuzzes the operations of all dialects. The first byte names the operation; the lowest bit of the next one lets token
 * ids through, the one above it says that the JSON ends with the first line and bytes follow it; the rest is the body. An accepted body must give a call within the limits, whose reply, with vectors made
 * up here, is JSON and no longer than its bound; a refusal must be JSON with a status of an error. */
#include "unit.h"

#include "tiny_encoder.h"

#include "api/api.h"
#include "base/utf8.h"

#define CONTROL_BYTES 2
#define MOST_TEXTS 16

static const api_operation *const operations[] = {
    &native_embed,      &openai_embeddings,  &openai_deployment_embeddings,
    &openai_models,     &openai_model,       &tei_embed,
    &tei_root,          &tei_similarity,     &tei_tokenize,
    &tei_decode,        &tei_info,           &ollama_embed,
    &ollama_embeddings, &ollama_tags,        &ollama_show,
    &ollama_ps,         &ollama_version,     &cohere_v1_embed,
    &cohere_v2_embed,   &kserve_infer,       &kserve_server,
    &kserve_model,      &kserve_ready,       &weaviate_vectors,
    &weaviate_meta,     &llamacpp_embedding, &llamacpp_embeddings,
    &ollama_pull,       &llamacpp_tokenize,  &llamacpp_detokenize,
    &vllm_pooling,      &vllm_classify,      &vllm_score,
    &nim_rerank,        &tei_embed_all};
#define OPERATIONS (sizeof operations / sizeof operations[0])

static void check_json(const buf *text)
{
    json_error_t reason;
    FUZZ_CHECK(!text->failed && utf8_valid(text->data, text->length, NULL));
    json_t *root = json_loadb(text->data, text->length, JSON_ALLOW_NUL, &reason);
    FUZZ_CHECK(root != NULL);
    json_decref(root);
}

static void check_error(const api_operation *operation, const http_error *error, const api_service *service)
{
    buf body;
    buf_init(&body, (size_t)16 << 10);
    const unsigned status = operation->dialect->write_error(error, service, "an-id", &body);
    FUZZ_CHECK(status >= 400 && status < 500);
    check_json(&body);
    buf_free(&body);
}

static void check_texts(const api_call *call, const api_service *service)
{
    FUZZ_CHECK(call->count <= MOST_TEXTS);
    for (size_t i = 0; i < call->count; i++) {
        const aki_text text = call->texts[i];
        const scheduler_ids *ids = call->ids != NULL ? &call->ids[i] : NULL;
        if (ids != NULL && ids->ids != NULL) {
            FUZZ_CHECK(ids->count >= 1 && ids->count <= encoder_max_tokens(service->enc));
            for (size_t t = 0; t < ids->count; t++)
                FUZZ_CHECK(tokenizer_token_text(encoder_tokenizer(service->enc), ids->ids[t]) != NULL);
        } else {
            FUZZ_CHECK(call->on_error_item || utf8_valid(text.data, text.length, NULL));
        }
    }
}

static void write_reply(const api_operation *operation, api_call *call, const api_service *service)
{
    static aki_text_info info[MOST_TEXTS];
    const size_t numbers = encoder_numbers(service->enc, call->output, call->token_room);
    float *vectors = calloc(MOST_TEXTS * numbers + 1, sizeof *vectors);
    FUZZ_CHECK(vectors != NULL);
    size_t head_length = 0;
    api_result result = {.request_id = "an-id", .head_length = &head_length};
    if (call->count > 0) {
        result = (api_result){.request_id = "an-id",
                              .head_length = &head_length,
                              .vectors = vectors,
                              .info = info,
                              .count = call->count,
                              .dimension = numbers};
        for (size_t i = 0; call->output != ENCODER_VECTOR && i < call->count; i++)
            info[i].tokens = call->ids[i].count;
        info[0].truncated = true;
        for (size_t i = 0; i < call->count * result.dimension; i++)
            vectors[i] = (float)((int)(i % 7) - 3) / 3;
    }
    api_call_release_input(call);
    buf out;
    aki_error error;
    buf_init(&out,
             operation->bound != NULL ? operation->bound(call, &result, service) : API_SMALL_REPLY_BYTES);
    FUZZ_CHECK(operation->write(call, &result, service, &out, &error) == AKI_OK);
    if (head_length > 0) {
        FUZZ_CHECK(head_length <= out.length && (out.length - head_length) % sizeof(float) == 0);
        out.length = head_length;
    }
    check_json(&out);
    buf_free(&out);
    free(vectors);
    memset(info, 0, sizeof info);
}

/* The length of the first line of the body, as a header has it; NULL = there is none. */
static const char *head_of(const uint8_t *body, size_t size, char text[24])
{
    const uint8_t *line = memchr(body, '\n', size);
    if (line == NULL)
        return NULL;
    snprintf(text, 24, "%zu", (size_t)(line - body));
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CONTROL_BYTES)
        return 0;
    const api_operation *operation = operations[data[0] % OPERATIONS];
    const api_service service = {.model_name = "org/some-\"Model",
                                 .enc = tiny_encoder(),
                                 .max_texts = MOST_TEXTS,
                                 .max_requests = 5,
                                 .http_threads = 1,
                                 .takes_ids = (data[1] & 1) != 0};
    uint8_t *body = copy_bytes(data + CONTROL_BYTES, size - CONTROL_BYTES);
    char head_length[24];
    const api_request request = {
        .body = (const char *)body,
        .length = size - CONTROL_BYTES,
        .name = service.model_name,
        .head_length = (data[1] & 2) != 0 ? head_of(body, size - CONTROL_BYTES, head_length) : NULL};
    api_call call = {0};
    http_error error;
    const bool read = operation->read == NULL || api_read(operation, &call, &request, &service, &error);
    free(body);
    if (read) {
        check_texts(&call, &service);
        if (call.output !=
            ENCODER_SPARSE) /* the model has no weights of token ids: refused before it computes */
            write_reply(call.as != NULL ? call.as : operation, &call, &service);
    } else {
        check_error(operation, &error, &service);
    }
    api_call_free(&call);
    return 0;
}
