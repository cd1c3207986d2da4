/* Fuzzes the readers of HTTP/1 heads and chunked bodies: what they make of some bytes must not depend on the pieces that the
 * bytes come in, and all that they tell must lie within the bytes.
 *
 * The first byte chooses the reader (bit 0: chunks), the second and third where the rest is cut. */
#include "fuzz.h"

#include "http/connection/h1_chunked.h"
#include "http/connection/h1_head.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL_BYTES 3
#define MAX_HEAD_BYTES 2048

typedef struct head_outcome {
    h1_head_state state;
    h1_head head;
    http_request request;
    http_field fields[HTTP_MAX_FIELDS];
    char *text;
} head_outcome;

/* Each piece is read in a buffer of exactly its size, so that a sanitizer sees a step too far. */
static void read_head(head_outcome *o, const uint8_t *data, size_t size, size_t cut)
{
    memset(o, 0, sizeof *o);
    h1_head_begin(&o->head, MAX_HEAD_BYTES, o->fields);
    const size_t ends[] = {cut, size};
    for (size_t i = cut > 0 && cut < size ? 0 : 1; i < 2 && o->state == H1_HEAD_MORE; i++) {
        char *text = malloc(ends[i] + 1);
        FUZZ_CHECK(text != NULL);
        const size_t kept = i == 1 && o->text != NULL ? ends[0] : 0;
        if (kept > 0)
            memcpy(text, o->text, kept);
        memcpy(text + kept, data + kept, ends[i] - kept);
        free(o->text);
        o->text = text;
        o->state = h1_head_read(&o->head, text, ends[i], &o->request);
    }
}

static void check_texts(const head_outcome *o, size_t size)
{
    const http_request *request = &o->request;
    FUZZ_CHECK(request->count <= HTTP_MAX_FIELDS && request->head_bytes <= size);
    FUZZ_CHECK(strlen(http_request_method(request)) + strlen(http_request_target(request)) <= size);
    for (size_t i = 0; i < request->count; i++) {
        FUZZ_CHECK(request->fields[i].name < request->fields[i].value && request->fields[i].value < size);
        FUZZ_CHECK(strlen(http_field_name(request, i)) > 0 && strlen(http_field_value(request, i)) < size);
    }
    if (o->state != H1_HEAD_WHOLE)
        return;
    FUZZ_CHECK(!(request->chunked && request->announced) && request->head_bytes <= MAX_HEAD_BYTES);
    FUZZ_CHECK(http_request_method(request)[0] != '\0' && http_request_target(request)[0] != '\0');
    FUZZ_CHECK(request->version == HTTP_VERSION_1_0 || http_request_header(request, "Host") != NULL);
}

static void fuzz_head(const uint8_t *data, size_t size, size_t cut)
{
    static head_outcome whole, split;
    read_head(&whole, data, size, size);
    read_head(&split, data, size, cut);
    check_texts(&whole, size);
    check_texts(&split, size);
    FUZZ_CHECK(whole.state == split.state && whole.head.fault.kind == split.head.fault.kind);
    if (whole.state == H1_HEAD_WHOLE)
        FUZZ_CHECK(whole.request.head_bytes == split.request.head_bytes &&
                   whole.request.count == split.request.count &&
                   whole.request.body_bytes == split.request.body_bytes &&
                   whole.request.chunked == split.request.chunked);
    free(whole.text);
    free(split.text);
}

typedef struct chunks_outcome {
    h1_chunked reader;
    size_t taken, body;
    uint32_t sum;
} chunks_outcome;

static void read_chunks(chunks_outcome *o, const uint8_t *data, size_t size)
{
    size_t at = 0, piece, bytes;
    while (at < size && o->reader.place != H1_CHUNKED_DONE && o->reader.fault.kind == HTTP_FAULT_NONE) {
        const size_t took = h1_chunked_read(&o->reader, (const char *)data + at, size - at, &piece, &bytes);
        FUZZ_CHECK(took > 0 && took <= size - at && piece + bytes <= took);
        for (size_t i = 0; i < bytes; i++)
            o->sum = o->sum * 31 + data[at + piece + i];
        o->body += bytes;
        at += took;
    }
    o->taken += at;
}

static void fuzz_chunks(const uint8_t *data, size_t size, size_t cut)
{
    static chunks_outcome whole, split;
    whole = split = (chunks_outcome){0};
    h1_chunked_begin(&whole.reader);
    h1_chunked_begin(&split.reader);
    read_chunks(&whole, data, size);
    read_chunks(&split, data, cut);
    if (split.taken == cut)
        read_chunks(&split, data + cut, size - cut);
    FUZZ_CHECK(whole.reader.place == split.reader.place &&
               whole.reader.fault.kind == split.reader.fault.kind);
    FUZZ_CHECK(whole.taken == split.taken && whole.body == split.body && whole.sum == split.sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= CONTROL_BYTES)
        return 0;
    const size_t length = size - CONTROL_BYTES, cut = (data[1] * 256u + data[2]) % (length + 1);
    if ((data[0] & 1) != 0)
        fuzz_chunks(data + CONTROL_BYTES, length, cut);
    else
        fuzz_head(data + CONTROL_BYTES, length, cut);
    return 0;
}
