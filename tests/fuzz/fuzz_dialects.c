/* Fuzzes the operations of all dialects. An input is a digit, the path of a route, a line end and the body. The digit's lowest bit lets
 * token ids through, the one above it says that the JSON ends with the first line and bytes follow it. An accepted body must give
 * a call within the limits, whose reply, with vectors made up here, is JSON and no longer than its bound; a refusal must be JSON with
 * a status of an error. */
#include "unit.h"

#include "tiny_encoder.h"

#include "api/api.h"
#include "base/utf8.h"
#include "http/request.h"
#include "server/routes.h"

#define MOST_TEXTS 16
#define MOST_PATH_BYTES 64

/* The operation at the path in the first line; where a mutation left no such path, one that depends on its bytes. */
static const api_operation *choose(const uint8_t *line, size_t length)
{
    char path[MOST_PATH_BYTES + 1];
    const size_t kept = length < MOST_PATH_BYTES ? length : MOST_PATH_BYTES;
    memcpy(path, line, kept);
    path[kept] = '\0';
    for (const route *r = route_table; r->path != NULL; r++)
        if (r->api != NULL && route_path_matches(r->path, path))
            return r->api;
    size_t left = 0;
    for (size_t i = 0; i < kept; i++)
        left += line[i];
    for (const route *r = route_table;; r = r[1].path != NULL ? r + 1 : route_table)
        if (r->api != NULL && left-- == 0)
            return r->api;
}

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
    const uint8_t *line_end = memchr(data, '\n', size);
    if (line_end == NULL || line_end == data)
        return 0;
    const uint8_t *rest = line_end + 1;
    const size_t rest_bytes = size - (size_t)(rest - data);
    const api_operation *operation = choose(data + 1, (size_t)(line_end - data) - 1);
    const api_service service = {.model_name = "org/some-\"Model",
                                 .enc = tiny_encoder(),
                                 .max_texts = MOST_TEXTS,
                                 .max_requests = 5,
                                 .http_threads = 1,
                                 .takes_ids = (data[0] & 1) != 0};
    uint8_t *body = copy_bytes(rest, rest_bytes);
    char head_length[24];
    const api_request request = {.body = (const char *)body,
                                 .length = rest_bytes,
                                 .name = service.model_name,
                                 .head_length =
                                     (data[0] & 2) != 0 ? head_of(body, rest_bytes, head_length) : NULL};
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
