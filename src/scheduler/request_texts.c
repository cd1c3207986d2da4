/* From the texts of a submission to the sequences that have to be computed. */
#include "scheduler/request.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"

#include <string.h>

#define FIRST_TOKENS_PER_TEXT 32

/* State while the texts of one request are tokenized. */
typedef struct text_reader {
    scheduler_request *request;
    const request_context *context;
    const scheduler_submission *submission;
    result_cache *cache;        /* NULL = none for this request */
    tokenizer_scratch *scratch; /* taken at the first text that is tokenized */
    aki_text prompt;            /* stands before each text; length 0 = none */
    buf joined;                 /* a text behind it */
    size_t ids_room;
    /* The texts read so far, by their bytes: open addressing, at most half full. NULL where there is one text only. */
    uint32_t *slots;       /* [slots_count]: index + 1; 0 = free */
    uint64_t *text_hashes; /* [texts] */
    size_t slots_count;    /* a power of two */
} text_reader;

static bool hashes_texts(const text_reader *reader)
{
    return reader->slots != NULL || reader->cache != NULL;
}

/* The earlier text that equals this one, or its own index. */
static size_t find_earlier(text_reader *reader, size_t index, uint64_t hash)
{
    const aki_text *texts = reader->submission->texts, *text = &texts[index];
    size_t mask = reader->slots_count - 1, slot = hash & mask;
    for (; reader->slots[slot] != 0; slot = (slot + 1) & mask) {
        size_t other = reader->slots[slot] - 1;
        if (reader->text_hashes[other] == hash && texts[other].length == text->length &&
            memcmp(texts[other].data, text->data, text->length) == 0)
            return other;
    }
    reader->slots[slot] = (uint32_t)index + 1;
    reader->text_hashes[index] = hash;
    return index;
}

static bool append_ids(text_reader *reader, const token_span *span)
{
    scheduler_request *request = reader->request;
    size_t wanted;
    if (!size_add(request->tokens, span->count, &wanted))
        return false;
    if (wanted > reader->ids_room) {
        size_t room = reader->ids_room > 0 ? reader->ids_room * 2 : request->texts * FIRST_TOKENS_PER_TEXT;
        room = room > wanted ? room : wanted;
        int32_t *ids = mem_realloc(request->ids, room, sizeof *ids);
        if (ids == NULL)
            return false;
        request->ids = ids;
        reader->ids_room = room;
    }
    memcpy(request->ids + request->tokens, span->ids, span->count * sizeof *span->ids);
    request->tokens = wanted;
    return true;
}

/* Token ids that the submitter gives. Nothing says which text they are of, so there is no entry for the cache. */
static aki_status take_ids(text_reader *reader, size_t index, const scheduler_ids *given, aki_error *error)
{
    scheduler_request *request = reader->request;
    const encoder *enc = reader->context->enc;
    aki_model_info model;
    encoder_describe(enc, &model);
    if (given->count == 0 || given->count > encoder_max_tokens(enc))
        return error_set(error, AKI_INVALID_ARGUMENT, "text %zu has %zu token ids; 1 to %zu are taken", index,
                         given->count, encoder_max_tokens(enc));
    if (reader->submission->token_room > 0 && given->count > reader->submission->token_room)
        return error_set(error, AKI_INVALID_ARGUMENT, "text %zu has %zu token ids; there is room for %zu",
                         index, given->count, reader->submission->token_room);
    for (size_t i = 0; i < given->count; i++)
        if (given->ids[i] < 0 || (size_t)given->ids[i] >= model.vocabulary_size)
            return error_set(error, AKI_INVALID_ARGUMENT,
                             "text %zu has the token id %d; the model's are 0 to %zu", index,
                             (int)given->ids[i], model.vocabulary_size - 1);
    const token_span span = {.ids = given->ids, .count = given->count, .truncated = given->truncated};
    if (!append_ids(reader, &span))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the token ids");
    request->info[index] = (aki_text_info){(uint32_t)span.count, span.truncated};
    request->sequences[request->count].count = span.count;
    request->sequences[request->count].second = given->second;
    request->text_of[request->count++] = index;
    return AKI_OK;
}

static aki_status tokenize(text_reader *reader, size_t index, const cache_key *key, aki_error *error)
{
    scheduler_request *request = reader->request;
    const request_context *context = reader->context;
    if (reader->scratch == NULL)
        reader->scratch = scratch_pool_take(context->scratches);
    if (reader->scratch == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for tokenizing");
    token_span span;
    aki_status status = encoder_tokenize(context->enc, reader->scratch, key->text,
                                         reader->submission->options.refuse_long, &span, error);
    if (status != AKI_OK)
        return status;
    if (!append_ids(reader, &span))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the token ids");
    request->info[index] = (aki_text_info){(uint32_t)span.count, span.truncated};
    request->sequences[request->count].count = span.count;
    if (reader->cache != NULL) {
        cache_entry *entry = result_cache_prepare(reader->cache, key, request->info[index]);
        request->entries[request->count] = entry;
        request->bytes += cache_entry_bytes(entry);
    }
    request->text_of[request->count++] = index;
    return AKI_OK;
}

static aki_status read_text(text_reader *reader, size_t index, aki_error *error)
{
    scheduler_request *request = reader->request;
    const scheduler_submission *submission = reader->submission;
    cache_key key = {.text = submission->texts[index],
                     .pooling = submission->options.pooling,
                     .normalize = submission->options.normalize};
    if (submission->ids != NULL && submission->ids[index].ids != NULL)
        return take_ids(reader, index, &submission->ids[index], error);
    if (key.text.data == NULL || submission->token_room > 0)
        return error_set(error, AKI_INVALID_ARGUMENT, "text %zu is not a string", index);
    if (key.text.length == 0)
        return error_set(error, AKI_EMPTY_TEXT, "text %zu is the empty string", index);
    key.text = encoder_join(&reader->joined, reader->prompt, key.text);
    if (key.text.data == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for text %zu behind its prompt", index);
    if (hashes_texts(reader))
        key.hash = siphash(reader->context->hash_key, key.text.data, key.text.length);
    if (reader->slots != NULL) {
        size_t earlier = find_earlier(reader, index, key.hash);
        if (earlier != index) {
            request->copies[request->copies_count++] = (text_copy){index, earlier};
            return AKI_OK;
        }
    }
    if (reader->cache != NULL && reader->context->cache_first &&
        result_cache_find(reader->cache, &key, submission->options.refuse_long,
                          request->vectors + index * request->dimension, &request->info[index]))
        return AKI_OK;
    return tokenize(reader, index, &key, error);
}

/* True where a failure is the text's own fault. */
static bool is_of_text(aki_status status)
{
    return status == AKI_INVALID_ARGUMENT || status == AKI_EMPTY_TEXT || status == AKI_INVALID_UTF8 ||
           status == AKI_TEXT_TOO_LONG || status == AKI_NO_TOKENS;
}

static aki_status read_all(text_reader *reader, aki_error *error)
{
    for (size_t i = 0; i < reader->request->texts; i++) {
        aki_error own;
        aki_status status = read_text(reader, i, &own);
        if (status == AKI_OK)
            continue;
        if (is_of_text(status))
            error_at_text(&own, i);
        if (!is_of_text(status) || !reader->request->on_error_item) {
            if (error != NULL)
                *error = own;
            return status;
        }
        request_fail_text(reader->request, i, &own);
    }
    return AKI_OK;
}

static bool open_table(text_reader *reader)
{
    size_t texts = reader->request->texts;
    reader->slots_count = 2;
    while (reader->slots_count < texts * 2)
        reader->slots_count *= 2;
    reader->slots = mem_zalloc(reader->slots_count, sizeof *reader->slots);
    reader->text_hashes = mem_alloc(texts, sizeof *reader->text_hashes);
    return reader->slots != NULL && reader->text_hashes != NULL;
}

static void place_sequences(scheduler_request *request, const request_context *context,
                            const scheduler_submission *submission)
{
    const aki_embed_options *options = &submission->options;
    const int32_t *ids = request->ids;
    for (size_t i = 0; i < request->count; i++) {
        encoder_sequence *sequence = &request->sequences[i];
        sequence->ids = ids;
        sequence->pooling = options->pooling;
        sequence->normalize = options->normalize;
        sequence->output = submission->output;
        sequence->whole = submission->probe; /* it is to show that the device computes right */
        sequence->vector = request->vectors + request->text_of[i] * request->dimension;
        request->hashes[i] = siphash(context->hash_key, ids, sequence->count * sizeof *ids);
        ids += sequence->count;
    }
}

aki_status request_read_texts(scheduler_request *request, const request_context *context,
                              const scheduler_submission *submission, aki_error *error)
{
    text_reader reader = {.request = request,
                          .context = context,
                          .submission = submission,
                          .cache = submission->output == ENCODER_VECTOR ? context->cache : NULL};
    buf_init(&reader.joined, 0);
    aki_status status = encoder_read_options(context->enc, &submission->options, &reader.prompt, error);
    if (status == AKI_OK && request->texts > 1 && !open_table(&reader))
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to read %zu texts", request->texts);
    else if (status == AKI_OK)
        status = read_all(&reader, error);
    buf_free(&reader.joined);
    if (reader.scratch != NULL)
        scratch_pool_give(context->scratches, reader.scratch);
    mem_free(reader.slots);
    mem_free(reader.text_hashes);
    request->bytes += reader.ids_room * sizeof *request->ids;
    if (status == AKI_OK)
        place_sequences(request, context, submission);
    return status;
}
