#include "scheduler/request.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_TOKENS_PER_TEXT 32
#define FIRST_ITEM_ERRORS 4

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

static aki_status tokenize_text(const encoder *enc, tokenizer_scratch *scratch, aki_text text, size_t index,
                                bool refuse_long, token_span *span, aki_error *error)
{
    aki_status status;
    if (text.data == NULL)
        status = error_set(error, AKI_INVALID_ARGUMENT, "text %zu is not a string", index);
    else if (text.length == 0)
        status = error_set(error, AKI_EMPTY_TEXT, "text %zu is the empty string", index);
    else
        status = encoder_tokenize(enc, scratch, text, refuse_long, span, error);
    if (status != AKI_OK)
        error_at_text(error, index);
    return status;
}

/* Whether a failure is the text's own fault. */
static bool is_of_text(aki_status status)
{
    return status == AKI_INVALID_ARGUMENT || status == AKI_EMPTY_TEXT || status == AKI_INVALID_UTF8 ||
           status == AKI_TEXT_TOO_LONG;
}

static aki_status tokenize(scheduler_request *request, const encoder *enc, tokenizer_scratch *scratch,
                           const scheduler_submission *submission, aki_error *error)
{
    size_t capacity = 0;
    for (size_t i = 0; i < request->texts; i++) {
        token_span span;
        aki_error own;
        aki_status status = tokenize_text(enc, scratch, submission->texts[i], i,
                                          submission->options.refuse_long, &span, &own);
        if (status != AKI_OK && request->on_error_item && is_of_text(status)) {
            request_fail_text(request, i, &own);
            continue;
        }
        if (status != AKI_OK) {
            if (error != NULL)
                *error = own;
            return status;
        }
        if (capacity == 0 && request->texts < SIZE_MAX / FIRST_TOKENS_PER_TEXT) {
            capacity = request->texts * FIRST_TOKENS_PER_TEXT;
            request->ids = mem_alloc(capacity, sizeof *request->ids);
            if (request->ids == NULL)
                return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the token ids");
        }
        if (!append_ids(request, &capacity, &span))
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the token ids");
        request->info[i] = (aki_text_info){(uint32_t)span.count, span.truncated};
        request->sequences[request->count].count = span.count;
        request->text_of[request->count++] = i;
    }
    request->bytes += capacity * sizeof *request->ids;
    return AKI_OK;
}

static aki_status allocate(scheduler_request *request, size_t texts, aki_error *error)
{
    size_t floats;
    request->texts = texts;
    request->sequences = mem_zalloc(texts, sizeof *request->sequences);
    request->text_of = mem_alloc(texts, sizeof *request->text_of);
    request->info = mem_zalloc(texts, sizeof *request->info);
    if (size_mul(texts, request->dimension, &floats))
        request->vectors = mem_alloc(floats, sizeof *request->vectors);
    if (request->sequences == NULL || request->text_of == NULL || request->info == NULL ||
        request->vectors == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vectors of %zu texts", texts);
    request->bytes = floats * sizeof *request->vectors +
                     texts * (sizeof *request->sequences + sizeof *request->text_of + sizeof *request->info);
    return AKI_OK;
}

static void place_sequences(scheduler_request *request, const aki_embed_options *options)
{
    const int32_t *ids = request->ids;
    for (size_t i = 0; i < request->count; i++) {
        encoder_sequence *sequence = &request->sequences[i];
        sequence->ids = ids;
        sequence->pooling = options->pooling;
        sequence->normalize = options->normalize;
        sequence->vector = request->vectors + request->text_of[i] * request->dimension;
        ids += sequence->count;
    }
}

aki_status request_open(scheduler_request **out, const encoder *enc, scratch_pool *scratches,
                        const scheduler_submission *submission, aki_error *error)
{
    *out = NULL;
    if (submission->texts == NULL || submission->count == 0)
        return error_set(error, AKI_INVALID_ARGUMENT, "there are no texts");
    int64_t start_ns = clock_monotonic_ns();
    scheduler_request *request = mem_zalloc(1, sizeof *request);
    if (request == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the request");
    request->done = submission->done;
    request->cookie = submission->cookie;
    request->on_error_item = submission->on_error_item;
    request->client = submission->client;
    request->deadline_ns = submission->deadline_ns != 0 ? submission->deadline_ns : INT64_MAX;
    request->dimension = encoder_dimension(enc);
    aki_status status = allocate(request, submission->count, error);
    if (status != AKI_OK)
        goto failed;
    tokenizer_scratch *scratch = scratch_pool_take(scratches);
    if (scratch == NULL) {
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for tokenizing");
        goto failed;
    }
    status = tokenize(request, enc, scratch, submission, error);
    scratch_pool_give(scratches, scratch);
    if (status != AKI_OK)
        goto failed;
    place_sequences(request, &submission->options);
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

void request_fail_text(scheduler_request *request, size_t text, const aki_error *error)
{
    if (!request->on_error_item) {
        request_fail(request, error);
        return;
    }
    if (request->item_errors_count == request->item_errors_room) {
        size_t room = request->item_errors_room > 0 ? request->item_errors_room * 2 : FIRST_ITEM_ERRORS;
        scheduler_item_error *larger = mem_realloc(request->item_errors, room, sizeof *larger);
        if (larger == NULL) {
            aki_error own;
            error_set(&own, AKI_OUT_OF_MEMORY, "no memory for the errors of single texts");
            request_fail(request, &own);
            return;
        }
        request->item_errors = larger;
        request->item_errors_room = room;
    }
    scheduler_item_error *item = &request->item_errors[request->item_errors_count++];
    item->index = text;
    item->status = error->status;
    snprintf(item->message, sizeof item->message, "%.*s", (int)sizeof item->message - 1, error->message);
    memset(request->vectors + text * request->dimension, 0, request->dimension * sizeof *request->vectors);
    request->info[text] = (aki_text_info){0};
}

static int compare_items(const void *a, const void *b)
{
    size_t x = ((const scheduler_item_error *)a)->index, y = ((const scheduler_item_error *)b)->index;
    return (x > y) - (x < y);
}

void request_complete(scheduler_request *request)
{
    if (request->item_errors_count > 1)
        qsort(request->item_errors, request->item_errors_count, sizeof *request->item_errors, compare_items);
    scheduler_result *result = &request->result;
    result->vectors = request->vectors;
    result->info = request->info;
    result->count = request->texts;
    result->item_errors = request->item_errors;
    result->item_errors_count = request->item_errors_count;
    result->tokenize_ns = request->tokenize_ns;
}

void scheduler_request_free(scheduler_request *request)
{
    if (request == NULL)
        return;
    mem_free(request->sequences);
    mem_free(request->text_of);
    mem_free(request->ids);
    mem_free(request->vectors);
    mem_free(request->info);
    mem_free(request->item_errors);
    mem_free(request);
}
