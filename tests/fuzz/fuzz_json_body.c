/* Fuzzes the reader of the body of POST /api/v1/embed, also compressed: an input that begins with gzip's magic bytes
 * is inflated first. An accepted body must hold texts within the limits; a refusal must be valid JSON and say why. */
#include "fuzz.h"
#include "scratch.h"

#include "base/utf8.h"
#include "api/embed_request.h"
#include "http/gzip.h"

#include <string.h>

#define MOST_TEXTS 16
#define MOST_BYTES ((size_t)256 << 10)

static void check_request(const embed_request *request, size_t body_bytes)
{
    size_t bytes = 0, bad;
    FUZZ_CHECK(request->count >= 1 && request->count <= MOST_TEXTS);
    for (size_t i = 0; i < request->count; i++) {
        const aki_text text = request->texts[i];
        FUZZ_CHECK(text.data != NULL || request->on_error_item);
        /* With on_error_item a text that is not valid UTF-8 is left to the tokenizer, where it fails alone. */
        FUZZ_CHECK(request->on_error_item || utf8_valid(text.data, text.length, &bad));
        bytes += text.length;
    }
    FUZZ_CHECK(bytes <= body_bytes);
}

static void check_error(const http_error *error)
{
    buf body;
    json_error_t reason;
    buf_init(&body, (size_t)16 << 10);
    http_error_write(error, &body);
    FUZZ_CHECK(!body.failed);
    json_t *root = json_loadb(body.data, body.length, 0, &reason);
    FUZZ_CHECK(json_is_object(json_object_get(root, "error")));
    json_decref(root);
    buf_free(&body);
    const unsigned status = http_error_status(error->code);
    FUZZ_CHECK(status >= 400 && status < 500);
}

static void read_body(const uint8_t *data, size_t size)
{
    static const api_service limits = {.max_texts = MOST_TEXTS, .model_name = "org/some-Model"};
    uint8_t *body = copy_bytes(data, size);
    embed_request request;
    http_error error;
    const bool read = embed_request_parse(&request, (const char *)body, size, &limits, &error);
    if (read)
        check_request(&request, size);
    else
        check_error(&error);
    free(body);
    if (read)
        embed_request_free(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || data[0] != 0x1F || data[1] != 0x8B) {
        read_body(data, size);
        return 0;
    }
    buf plain;
    buf_init(&plain, MOST_BYTES);
    uint8_t *body = copy_bytes(data, size);
    const gzip_outcome outcome = gzip_body_inflate((const char *)body, size, &plain);
    free(body);
    FUZZ_CHECK(plain.length <= MOST_BYTES && outcome != GZIP_OUT_OF_MEMORY);
    if (outcome == GZIP_DONE)
        read_body((const uint8_t *)plain.data, plain.length);
    buf_free(&plain);
    return 0;
}
