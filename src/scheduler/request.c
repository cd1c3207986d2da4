#include "scheduler/request.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define FIRST_TOKENS_PER_TEXT 32

static aki_status refuse_empty(const aki_text *texts, size_t count, aki_error *error)
{
    if (texts == NULL || count == 0)
        return error_set(error, AKI_INVALID_ARGUMENT, "there are no texts");
    for (size_t i = 0; i < count; i++)
        if (texts[i].length == 0) {
            aki_status status = error_set(error, AKI_EMPTY_TEXT, "text %zu is the empty string", i);
            error_at_text(error, i);
            return status;
        }
    return AKI_OK;
}

static bool append_ids(scheduler_request *request, size_t *capacity, const token_span *span)
{
    size_t wanted;
    if (!size_add(request->tokens, span->count, &wanted))
        return false;
    if (wanted > *capacity) {
        size_t larger = *capacity * 2 > wanted ? *capacity * 2 : wanted;
        int32_t *ids = mem_realloc(request->ids, larger, sizeof *ids);
        if (ids == NULL)
            return false;
        request->ids = ids;
        *capacity = larger;
    }
    memcpy(request->ids + request->tokens, span->ids, span->count * sizeof *span->ids);
    request->tokens = wanted;
    return true;
}

static aki_status tokenize(scheduler_request *request, const encoder *enc, tokenizer_scratch *scratch,
                           const aki_text *texts, bool refuse_long, aki_error *error)
{
    size_t capacity = 0;
    for (size_t i = 0; i < request->count; i++) {
        token_span span;
        aki_status status = encoder_tokenize(enc, scratch, texts[i], refuse_long, &span, error);
        if (status != AKI_OK) {
            error_at_text(error, i);
            return status;
        }
        if (capacity == 0 && request->count < SIZE_MAX / FIRST_TOKENS_PER_TEXT) {
            capacity = request->count * FIRST_TOKENS_PER_TEXT;
            request->ids = mem_alloc(capacity, sizeof *request->ids);
            if (request->ids == NULL)
                return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the token ids");
        }
        if (!append_ids(request, &capacity, &span))
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the token ids");
        request->sequences[i].count = span.count;
        request->info[i] = (aki_text_info){(uint32_t)span.count, span.truncated};
    }
    request->bytes += capacity * sizeof *request->ids;
    return AKI_OK;
}

static aki_status allocate(scheduler_request *request, size_t count, size_t dimension, aki_error *error)
{
    size_t floats;
    request->count = count;
    request->sequences = mem_zalloc(count, sizeof *request->sequences);
    request->info = mem_alloc(count, sizeof *request->info);
    if (size_mul(count, dimension, &floats))
        request->vectors = mem_alloc(floats, sizeof *request->vectors);
    if (request->sequences == NULL || request->info == NULL || request->vectors == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vectors of %zu texts", count);
    request->bytes =
        floats * sizeof *request->vectors + count * (sizeof *request->sequences + sizeof *request->info);
    return AKI_OK;
}

aki_status request_open(scheduler_request **out, const encoder *enc, scratch_pool *scratches,
                        const aki_text *texts, size_t count, const aki_embed_options *options,
                        aki_error *error)
{
    *out = NULL;
    aki_status status = refuse_empty(texts, count, error);
    if (status != AKI_OK)
        return status;
    int64_t start_ns = clock_monotonic_ns();
    static const aki_embed_options defaults;
    if (options == NULL)
        options = &defaults;
    size_t dimension = encoder_dimension(enc);
    scheduler_request *request = mem_zalloc(1, sizeof *request);
    if (request == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the request");
    status = allocate(request, count, dimension, error);
    if (status != AKI_OK)
        goto failed;
    tokenizer_scratch *scratch = scratch_pool_take(scratches);
    if (scratch == NULL) {
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for tokenizing");
        goto failed;
    }
    status = tokenize(request, enc, scratch, texts, options->refuse_long, error);
    scratch_pool_give(scratches, scratch);
    if (status != AKI_OK)
        goto failed;
    const int32_t *ids = request->ids;
    for (size_t i = 0; i < count; i++) {
        encoder_sequence *sequence = &request->sequences[i];
        sequence->ids = ids;
        sequence->pooling = options->pooling;
        sequence->normalize = options->normalize;
        sequence->vector = request->vectors + i * dimension;
        ids += sequence->count;
    }
    request->waiting_tokens = request->tokens;
    request->submitted_ns = clock_monotonic_ns();
    request->tokenize_ns = request->submitted_ns - start_ns;
    *out = request;
    return AKI_OK;
failed:
    scheduler_request_free(request);
    return status;
}

void request_fail(scheduler_request *request, const aki_error *error)
{
    if (request->result.status == AKI_OK) {
        request->result.status = error->status;
        request->result.error = *error;
    }
}

void scheduler_request_free(scheduler_request *request)
{
    if (request == NULL)
        return;
    mem_free(request->sequences);
    mem_free(request->ids);
    mem_free(request->vectors);
    mem_free(request->info);
    mem_free(request);
}
