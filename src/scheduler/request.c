#include "scheduler/request.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ITEM_ERRORS 4
/* Far above what a server lets in; keeps all sizes and indexes far from overflow. */
#define MAX_TEXTS (1 << 24)

static aki_status allocate(scheduler_request *request, size_t texts, bool cached, aki_error *error)
{
    size_t floats;
    request->texts = texts;
    request->sequences = mem_zalloc(texts, sizeof *request->sequences);
    request->text_of = mem_alloc(texts, sizeof *request->text_of);
    request->hashes = mem_alloc(texts, sizeof *request->hashes);
    request->copies = mem_alloc(texts, sizeof *request->copies);
    request->info = mem_zalloc(texts, sizeof *request->info);
    if (cached)
        request->entries = mem_zalloc(texts, sizeof(cache_entry *));
    if (size_mul(texts, request->dimension, &floats))
        request->vectors = mem_alloc(floats, sizeof *request->vectors);
    if (request->sequences == NULL || request->text_of == NULL || request->hashes == NULL ||
        request->copies == NULL || request->info == NULL || (cached && request->entries == NULL) ||
        request->vectors == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vectors of %zu texts", texts);
    size_t per_text = sizeof *request->sequences + sizeof *request->text_of + sizeof *request->hashes +
                      sizeof *request->copies + sizeof *request->info + (cached ? sizeof(cache_entry *) : 0);
    request->bytes = floats * sizeof *request->vectors + texts * per_text;
    return AKI_OK;
}

aki_status request_open(scheduler_request **out, const request_context *context,
                        const scheduler_submission *submission, aki_error *error)
{
    *out = NULL;
    if (submission->texts == NULL || submission->count == 0)
        return error_set(error, AKI_INVALID_ARGUMENT, "there are no texts");
    if (submission->count > MAX_TEXTS)
        return error_set(error, AKI_INVALID_ARGUMENT, "%zu texts; a request takes at most %d",
                         submission->count, MAX_TEXTS);
    int64_t start_ns = clock_monotonic_ns();
    scheduler_request *request = mem_zalloc(1, sizeof *request);
    if (request == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the request");
    request->done = submission->done;
    request->cookie = submission->cookie;
    request->on_error_item = submission->on_error_item;
    request->probe = submission->probe;
    request->calibrates = submission->calibrates;
    request->label = submission->label;
    request->begin_by_ns = submission->begin_by_ns != 0 ? submission->begin_by_ns : INT64_MAX;
    request->judge = submission->judge;
    request->traced = submission->traced;
    request->client = submission->client;
    request->deadline_ns = submission->deadline_ns != 0 ? submission->deadline_ns : INT64_MAX;
    request->dimension = encoder_numbers(context->enc, submission->output, submission->token_room);
    const bool cached = context->cache != NULL && submission->output == ENCODER_VECTOR;
    aki_status status = allocate(request, submission->count, cached, error);
    if (status == AKI_OK)
        status = request_read_texts(request, context, submission, error);
    if (status != AKI_OK) {
        scheduler_request_free(request);
        return status;
    }
    request->priority = submission->priority;
    if (request->priority == SCHEDULER_PRIORITY_AUTO)
        request->priority = request->tokens <= encoder_max_tokens(context->enc)
                                ? SCHEDULER_PRIORITY_INTERACTIVE
                                : SCHEDULER_PRIORITY_BULK;
    request->waiting_tokens = request->tokens;
    request->submitted_ns = clock_monotonic_ns();
    request->tokenize_ns = request->submitted_ns - start_ns;
    *out = request;
    return AKI_OK;
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

/* Copies of texts that failed fail as they did; the list grows behind its sorted part. */
static void copy_item_errors(scheduler_request *request)
{
    size_t originals = request->item_errors_count;
    for (size_t c = 0; c < request->copies_count && originals > 0; c++) {
        scheduler_item_error wanted = {.index = request->copies[c].of};
        const scheduler_item_error *found =
            bsearch(&wanted, request->item_errors, originals, sizeof wanted, compare_items);
        if (found == NULL)
            continue;
        aki_error error;
        error_set(&error, found->status, "as text %zu: %s", found->index, found->message);
        request_fail_text(request, request->copies[c].text, &error);
    }
}

static void sort_item_errors(scheduler_request *request)
{
    if (request->item_errors_count > 1)
        qsort(request->item_errors, request->item_errors_count, sizeof *request->item_errors, compare_items);
}

static void copy_vectors(const scheduler_request *request)
{
    size_t dimension = request->dimension;
    for (size_t c = 0; c < request->copies_count; c++) {
        const text_copy *copy = &request->copies[c];
        memcpy(request->vectors + copy->text * dimension, request->vectors + copy->of * dimension,
               dimension * sizeof *request->vectors);
        request->info[copy->text] = request->info[copy->of];
    }
}

void request_keep(scheduler_request *request, size_t sequence, result_cache *cache, uint64_t generation)
{
    cache_entry *entry = request->entries != NULL ? request->entries[sequence] : NULL;
    if (entry == NULL)
        return;
    request->entries[sequence] = NULL;
    result_cache_insert(cache, entry, request->sequences[sequence].vector, generation);
}

void request_complete(scheduler_request *request)
{
    if (request->result.status == AKI_OK) {
        copy_vectors(request);
        sort_item_errors(request);
        copy_item_errors(request);
        sort_item_errors(request);
    }
    scheduler_result *result = &request->result;
    result->vectors = request->vectors;
    result->info = request->info;
    result->count = request->texts;
    result->item_errors = request->item_errors;
    result->item_errors_count = request->item_errors_count;
    result->tokenize_ns = request->tokenize_ns;
    if (request->count == 0 && request->item_errors_count < request->texts)
        result->served_by = SCHEDULER_LEVEL_CACHE;
    result->times.submitted_ns = request->submitted_ns;
    result->times.begun_ns = request->begun_ns;
}

void scheduler_request_free(scheduler_request *request)
{
    if (request == NULL)
        return;
    for (size_t i = 0; request->entries != NULL && i < request->count; i++)
        result_cache_discard(request->entries[i]);
    mem_free(request->entries);
    mem_free(request->sequences);
    mem_free(request->text_of);
    mem_free(request->hashes);
    mem_free(request->copies);
    mem_free(request->ids);
    mem_free(request->vectors);
    mem_free(request->info);
    mem_free(request->item_errors);
    mem_free(request);
}
