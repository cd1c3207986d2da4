/* The public interface, include/akidb/embed.h. */
#include "akidb/embed.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sized.h"
#include "engine/encoder.h"
#include "engine/scratch_pool.h"
#include "engine/worker_pool.h"

#include <string.h>
#include <unistd.h>

struct aki_model {
    pid_t process; /* the process that has its threads */
    encoder *enc;
    worker_pool *workers;
    scratch_pool scratches;
};

const char *aki_version(void)
{
    return AKI_VERSION;
}

aki_status aki_open(aki_model **model, const char *folder, const aki_settings *settings, aki_error *error)
{
    if (model == NULL)
        return error_set(error, AKI_INVALID_ARGUMENT, "aki_open: model is NULL");
    *model = NULL;
    if (folder == NULL || folder[0] == '\0')
        return error_set(error, AKI_INVALID_ARGUMENT, "aki_open: no folder is named");
    aki_model *m = mem_zalloc(1, sizeof *m);
    if (m == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the model handle");
    m->process = getpid();
    scratch_pool_init(&m->scratches);
    aki_status status = encoder_open(&m->enc, folder, settings, error);
    if (status == AKI_OK) {
        aki_model_info info;
        encoder_describe(m->enc, &info);
        status = worker_pool_open(&m->workers, m->enc, info.threads, error);
    }
    if (status != AKI_OK) {
        aki_close(&m);
        return status;
    }
    *model = m;
    return AKI_OK;
}

static bool was_forked(const aki_model *model)
{
    return getpid() != model->process;
}

/* After a fork the child has none of the threads, so none can be joined, and the locks may be held for ever. Nothing
 * is touched; the memory goes with the process. */
void aki_close(aki_model **model)
{
    if (model == NULL || *model == NULL)
        return;
    if (was_forked(*model)) {
        *model = NULL;
        return;
    }
    worker_pool_close((*model)->workers);
    scratch_pool_destroy(&(*model)->scratches);
    encoder_close((*model)->enc);
    mem_free(*model);
    *model = NULL;
}

size_t aki_dimension(const aki_model *model)
{
    return encoder_dimension(model->enc);
}

size_t aki_max_tokens(const aki_model *model)
{
    return encoder_max_tokens(model->enc);
}

void aki_model_describe_sized(const aki_model *model, aki_model_info *info, size_t info_size)
{
    aki_model_info own;
    encoder_describe(model->enc, &own);
    sized_put(info, info_size, &own, sizeof own);
}

bool aki_prompt(const aki_model *model, size_t index, const char **name, aki_text *text)
{
    return encoder_prompt(model->enc, index, name, text);
}

const char *aki_token_text(const aki_model *model, int32_t id)
{
    return tokenizer_token_text(encoder_tokenizer(model->enc), id);
}

/* Token ids of all texts of a call, end to end: [used] of [capacity]. */
typedef struct id_store {
    int32_t *ids;
    size_t used, capacity;
} id_store;

static bool store_ids(id_store *store, const int32_t *ids, size_t count)
{
    if (count > store->capacity - store->used) {
        size_t capacity;
        if (!size_add(store->capacity, count, &capacity) || !size_mul(capacity, 2, &capacity))
            return false;
        int32_t *grown = mem_realloc(store->ids, capacity, sizeof *grown);
        if (grown == NULL)
            return false;
        store->ids = grown;
        store->capacity = capacity;
    }
    memcpy(store->ids + store->used, ids, count * sizeof *ids);
    store->used += count;
    return true;
}

/* The caller's options, completed by defaults. */
static aki_status read_options(aki_embed_options *own, const aki_embed_options *options, size_t size,
                               aki_error *error)
{
    *own = (aki_embed_options){.pooling = AKI_POOLING_MODEL};
    if (options != NULL && !sized_take(own, sizeof *own, options, size))
        return error_set(
            error, AKI_INVALID_ARGUMENT,
            "the options have a field that this library (%s) does not know: leave it zero, or use a "
            "library as new as the header",
            aki_version());
    return AKI_OK;
}

/* The caller's [count] of aki_text_info, each of `size` bytes; all NULL = not wanted. */
typedef struct info_list {
    char *items;
    size_t size;
} info_list;

/* Tokens of a text behind the prompt; `room` holds both. An error of the text names its place in the text itself. */
static aki_status tokenize_one(const aki_model *model, tokenizer_scratch *scratch, aki_text prompt,
                               aki_text text, buf *room, bool refuse_long, token_span *span, aki_error *error)
{
    const aki_text whole = text.length > 0 ? encoder_join(room, prompt, text) : text;
    if (whole.data == NULL && text.length > 0)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a text of %zu bytes", text.length);
    aki_status status = encoder_tokenize(model->enc, scratch, whole, refuse_long, span, error);
    return status == AKI_INVALID_UTF8 ? encoder_tokenize(model->enc, scratch, text, refuse_long, span, error)
                                      : status;
}

/* Fills sequences[i].count and the store; sequences[i].ids are set once the store no longer moves. */
static aki_status tokenize_all(aki_model *model, const aki_text *texts, size_t count, aki_text prompt,
                               const aki_embed_options *options, encoder_sequence *sequences, id_store *store,
                               const info_list *info, aki_error *error)
{
    tokenizer_scratch *scratch = scratch_pool_take(&model->scratches);
    if (scratch == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to tokenize");
    buf room;
    buf_init(&room, 0);
    aki_status status = AKI_OK;
    for (size_t i = 0; i < count && status == AKI_OK; i++) {
        token_span span;
        if (options->cancel != NULL && *options->cancel != 0) {
            status =
                error_set(error, AKI_CANCELLED, "cancelled after %zu of %zu texts were tokenized", i, count);
            break;
        }
        if (texts[i].data == NULL && texts[i].length > 0)
            status = error_set(error, AKI_INVALID_ARGUMENT, "texts[%zu].data is NULL", i);
        else
            status =
                tokenize_one(model, scratch, prompt, texts[i], &room, options->refuse_long, &span, error);
        if (status == AKI_OK && !store_ids(store, span.ids, span.count))
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokens of %zu texts", count);
        if (status != AKI_OK) {
            error_at_text(error, i);
            break;
        }
        sequences[i].count = span.count;
        const aki_text_info own = {(uint32_t)span.count, span.truncated};
        if (info->items != NULL)
            sized_put(info->items + i * info->size, info->size, &own, sizeof own);
    }
    buf_free(&room);
    scratch_pool_give(&model->scratches, scratch);
    return status;
}

static aki_status first_failure(const encoder *enc, const encoder_sequence *sequences, size_t count,
                                aki_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (sequences[i].status != AKI_OK) {
            error_set(error, sequences[i].status,
                      "the vector of texts[%zu] came out with NaN or infinity: %s", i,
                      encoder_not_finite_cause(enc));
            error_at_text(error, i);
            return sequences[i].status;
        }
    return AKI_OK;
}

aki_status aki_embed_sized(aki_model *model, const aki_text *texts, size_t count,
                           const aki_embed_options *options, size_t options_size, float *vectors,
                           aki_text_info *info, size_t info_size, aki_error *error)
{
    if (model == NULL || texts == NULL || vectors == NULL || count == 0)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "aki_embed: model, texts and vectors must be given, count >= 1");
    if (was_forked(model))
        return error_set(error, AKI_FORKED, "aki_embed: the model was opened by process %ld, before a fork",
                         (long)model->process);
    const info_list infos = {(char *)info, info_size};
    aki_embed_options own;
    aki_text prompt = {NULL, 0};
    aki_status status = read_options(&own, options, options_size, error);
    if (status == AKI_OK)
        status = encoder_read_options(model->enc, &own, &prompt, error);
    if (status != AKI_OK)
        return status;
    id_store store = {0};
    encoder_sequence *sequences = mem_zalloc(count, sizeof *sequences);
    if (sequences == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu texts", count);
    status = tokenize_all(model, texts, count, prompt, &own, sequences, &store, &infos, error);
    if (status == AKI_OK) {
        const size_t dimension = own.dimensions > 0 ? own.dimensions : aki_dimension(model);
        const int32_t *ids = store.ids;
        for (size_t i = 0; i < count; i++) {
            sequences[i].ids = ids;
            sequences[i].pooling = own.pooling;
            sequences[i].normalize = own.normalize;
            sequences[i].dimensions = own.dimensions;
            sequences[i].vector = vectors + i * dimension;
            ids += sequences[i].count;
        }
        status = worker_pool_run(model->workers, sequences, count, own.cancel, error);
    }
    if (status == AKI_OK)
        status = first_failure(model->enc, sequences, count, error);
    mem_free(store.ids);
    mem_free(sequences);
    return status;
}

aki_status aki_tokenize(const aki_model *model, aki_text text, size_t max_tokens, aki_tokens *tokens,
                        aki_error *error)
{
    if (model == NULL || tokens == NULL || (text.data == NULL && text.length > 0))
        return error_set(error, AKI_INVALID_ARGUMENT, "aki_tokenize: model, text and tokens must be given");
    *tokens = (aki_tokens){0};
    if (max_tokens == 1)
        return error_set(error, AKI_INVALID_ARGUMENT, "aki_tokenize: max_tokens is 0 (uncut) or at least 2");
    tokenizer_scratch *scratch = tokenizer_scratch_open();
    if (scratch == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to tokenize");
    token_span span;
    aki_status status =
        tokenizer_encode(encoder_tokenizer(model->enc), scratch, text, max_tokens, &span, error);
    if (status == AKI_OK) {
        tokens->ids = mem_alloc(span.count, sizeof *tokens->ids);
        if (tokens->ids == NULL) {
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu tokens", span.count);
        } else {
            memcpy(tokens->ids, span.ids, span.count * sizeof *tokens->ids);
            tokens->count = span.count;
            tokens->truncated = span.truncated;
        }
    }
    tokenizer_scratch_close(scratch);
    return status;
}

void aki_tokens_free(aki_tokens *tokens)
{
    if (tokens == NULL)
        return;
    mem_free(tokens->ids);
    *tokens = (aki_tokens){0};
}
