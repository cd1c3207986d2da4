/* Fuzzes the calls of gRPC: frames, messages, and what the calls make of them. The first byte names the call; the second one says what
 * grpc-encoding is; the rest is the body. An accepted message must give a call within the limits, whose reply, with vectors made up
 * here, is one frame and no longer than its bound; a refusal must have a status of gRPC and a message that a header can hold. */
#include "unit.h"

#include "tiny_encoder.h"

#include "base/utf8.h"
#include "grpc/frame.h"
#include "grpc/methods.h"
#include "grpc/status.h"

#define CONTROL_BYTES 2
#define MOST_TEXTS 16
#define DIMENSION_MAX 16
#define MAX_BODY_BYTES ((size_t)16 << 10)

static const api_operation *const operations[] = {
    &grpc_tei_info,      &grpc_tei_embed,    &grpc_tei_embed_sparse,  &grpc_tei_embed_all,
    &grpc_tei_predict,   &grpc_tei_rerank,   &grpc_tei_rerank_stream, &grpc_tei_tokenize,
    &grpc_tei_decode,    &grpc_kserve_live,  &grpc_kserve_ready,      &grpc_kserve_model_ready,
    &grpc_kserve_server, &grpc_kserve_model, &grpc_kserve_infer,      &grpc_health_check,
    &grpc_health_watch,  &grpc_reflection};
#define OPERATIONS (sizeof operations / sizeof operations[0])

static const char *const encodings[] = {NULL, "gzip", "identity", "br"};
#define ENCODINGS (sizeof encodings / sizeof encodings[0])

static bool is_well(const void *server)
{
    return server != NULL;
}

static void check_refusal(const http_error *error)
{
    buf pairs;
    buf_init(&pairs, (size_t)16 << 10);
    grpc_status_write(error, &pairs);
    FUZZ_CHECK(!pairs.failed && pairs.data[pairs.length - 1] == '\0' && grpc_code_of(error->code) != GRPC_OK);
    for (size_t i = 0; i < pairs.length; i++)
        FUZZ_CHECK(pairs.data[i] == '\0' || (pairs.data[i] >= ' ' && pairs.data[i] <= '~'));
    buf_free(&pairs);
}

static void check_texts(const api_call *call)
{
    FUZZ_CHECK(call->count <= MOST_TEXTS);
    for (size_t i = 0; i < call->count; i++)
        FUZZ_CHECK(utf8_valid(call->texts[i].data, call->texts[i].length, NULL));
}

static void write_reply(const api_operation *operation, api_call *call, const api_service *service)
{
    static float vectors[MOST_TEXTS * DIMENSION_MAX];
    static aki_text_info info[MOST_TEXTS];
    size_t head_length = 0;
    api_result result = {.request_id = "an-id", .head_length = &head_length, .duration_ns = 5};
    if (call->count > 0) {
        result.vectors = vectors;
        result.info = info;
        result.count = call->count;
        result.dimension = encoder_dimension(service->enc);
        for (size_t i = 0; i < call->count * result.dimension; i++)
            vectors[i] = (float)((int)(i % 7) - 3) / 3;
    }
    api_call_release_input(call);
    buf out;
    aki_error own;
    grpc_message message;
    http_error error;
    buf_init(&out,
             operation->bound != NULL ? operation->bound(call, &result, service) : API_SMALL_REPLY_BYTES);
    FUZZ_CHECK(operation->write(call, &result, service, &out, &own) == AKI_OK && !out.failed);
    const api_request reply = {.body = out.data, .length = out.length, .name = ""};
    FUZZ_CHECK(grpc_unframe(&reply, SIZE_MAX, &message, &error) && message.plain.data == NULL);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < CONTROL_BYTES)
        return 0;
    const api_operation *operation = operations[data[0] % OPERATIONS];
    const api_service service = {.model_name = "org/model",
                                 .enc = tiny_encoder(),
                                 .max_texts = MOST_TEXTS,
                                 .max_requests = 5,
                                 .http_threads = 1,
                                 .max_body_bytes = MAX_BODY_BYTES,
                                 .server = operations,
                                 .is_live = is_well,
                                 .is_ready = is_well};
    uint8_t *body = copy_bytes(data + CONTROL_BYTES, size - CONTROL_BYTES);
    const api_request request = {.body = (const char *)body,
                                 .length = size - CONTROL_BYTES,
                                 .name = "",
                                 .encoding = encodings[data[1] % ENCODINGS]};
    api_call call = {0};
    http_error error;
    const bool read = operation->read(&call, &request, &service, &error);
    free(body);
    if (read) {
        check_texts(&call);
        if (call.output !=
            ENCODER_SPARSE) /* the model has no weights of token ids: refused before it computes */
            write_reply(operation, &call, &service);
    } else {
        check_refusal(&error);
    }
    api_call_free(&call);
    return 0;
}
