/* The public interface, include/akidb/embed.h. */
#include "akidb/embed.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/sized.h"
#include "engine/encoder.h"
#include "engine/worker_pool.h"
#include "tokenizer/token_pair.h"

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
    aki_model_info info;
    encoder_describe(model->enc, &info);
    return encoder_task(model->enc) == AKI_TASK_SPARSE ? info.vocabulary_size : encoder_dimension(model->enc);
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

static aki_status unknown_field(aki_error *error)
{
    return error_set(error, AKI_INVALID_ARGUMENT,
                     "the options have a field that this library (%s) does not know: leave it zero, or use a "
                     "library as new as the header",
                     aki_version());
}

/* The caller's options, completed by defaults. */
static aki_status read_options(aki_embed_options *own, const aki_embed_options *options, size_t size,
                               aki_error *error)
{
    *own = (aki_embed_options){.pooling = AKI_POOLING_MODEL};
    if (options != NULL && !sized_take(own, sizeof *own, options, size))
        return unknown_field(error);
    return AKI_OK;
}

/* The caller's [count] of aki_text_info, each of `size` bytes; all NULL = not wanted. */
typedef struct info_list {
    char *items;
    size_t size;
} info_list;

static aki_status check_text(const aki_text *texts, size_t index, aki_error *error)
{
    return texts[index].data != NULL || texts[index].length == 0
               ? AKI_OK
               : error_set(error, AKI_INVALID_ARGUMENT, "texts[%zu].data is NULL", index);
}

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

/* before: texts of the caller's that stand before these. */
static aki_status first_failure(const encoder *enc, const encoder_sequence *sequences, size_t count,
                                size_t before, aki_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (sequences[i].status != AKI_OK) {
            error_set(error, sequences[i].status,
                      "the vector of texts[%zu] came out with NaN or infinity: %s", before + i,
                      encoder_not_finite_cause(enc));
            error_at_text(error, before + i);
            return sequences[i].status;
        }
    return AKI_OK;
}

/* The call under way: what all of its kinds have. */
typedef struct text_call {
    aki_model *model;
    size_t count;
    size_t before;               /* texts of the caller's that were computed before these */
    encoder_sequence *sequences; /* [count] */
    id_store store;
    info_list info;
    const volatile int *cancel; /* NULL = never */
} text_call;

static aki_status begin(text_call *call, aki_model *model, const char *function, size_t count,
                        aki_text_info *info, size_t info_size, aki_error *error)
{
    *call = (text_call){.model = model, .count = count, .info = {(char *)info, info_size}};
    if (was_forked(model))
        return error_set(error, AKI_FORKED, "%s: the model was opened by process %ld, before a fork",
                         function, (long)model->process);
    call->sequences = mem_zalloc(count, sizeof *call->sequences);
    return call->sequences != NULL ? AKI_OK
                                   : error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu texts", count);
}

static void end(text_call *call)
{
    mem_free(call->store.ids);
    mem_free(call->sequences);
}

/* Takes over the tokens of text `index`. */
static aki_status keep_tokens(text_call *call, size_t index, const token_span *span, aki_error *error)
{
    if (!store_ids(&call->store, span->ids, span->count))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokens of %zu texts", call->count);
    call->sequences[index].count = span->count;
    call->sequences[index].second = span->second;
    const aki_text_info own = {(uint32_t)span->count, span->truncated};
    if (call->info.items != NULL)
        sized_put(call->info.items + index * call->info.size, call->info.size, &own, sizeof own);
    return AKI_OK;
}

/* True with the error: the caller has cancelled before text `index` was tokenized. */
static bool cancelled(const text_call *call, size_t index, aki_error *error)
{
    if (call->cancel == NULL || *call->cancel == 0)
        return false;
    error_set(error, AKI_CANCELLED, "cancelled after %zu of %zu texts were tokenized", index, call->count);
    return true;
}

/* Tokenizes the texts of the call behind the prompt. */
static aki_status tokenize_all(text_call *call, const aki_text *texts, aki_text prompt, bool refuse_long,
                               aki_error *error)
{
    tokenizer_scratch *scratch = scratch_pool_take(&call->model->scratches);
    if (scratch == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to tokenize");
    buf room;
    buf_init(&room, 0);
    aki_status status = AKI_OK;
    for (size_t i = 0; i < call->count && status == AKI_OK; i++) {
        token_span span;
        if (cancelled(call, i, error)) {
            status = AKI_CANCELLED;
            break;
        }
        status = check_text(texts, i, error);
        if (status == AKI_OK)
            status = tokenize_one(call->model, scratch, prompt, texts[i], &room, refuse_long, &span, error);
        if (status == AKI_OK)
            status = keep_tokens(call, i, &span, error);
        if (status != AKI_OK)
            error_at_text(error, i);
    }
    buf_free(&room);
    scratch_pool_give(&call->model->scratches, scratch);
    return status;
}

/* From the texts and options of a caller to token ids. use: what the model has to be for; own: takes the options. */
static aki_status prepare(text_call *call, encoder_use use, const aki_text *texts, aki_embed_options *own,
                          const aki_embed_options *options, size_t options_size, aki_error *error)
{
    const encoder *enc = call->model->enc;
    aki_text prompt = {NULL, 0};
    aki_status status = encoder_check_use(enc, use, error);
    if (status == AKI_OK)
        status = read_options(own, options, options_size, error);
    if (status == AKI_OK)
        status = encoder_read_options(enc, own, &prompt, error);
    if (status != AKI_OK)
        return status;
    call->cancel = own->cancel;
    return tokenize_all(call, texts, prompt, own->refuse_long, error);
}

/* Computes vectors [count][dimension] of what was tokenized; NULL: the sequences have theirs. */
static aki_status compute(text_call *call, float *vectors, size_t dimension, aki_error *error)
{
    const int32_t *ids = call->store.ids;
    for (size_t i = 0; i < call->count; i++) {
        call->sequences[i].ids = ids;
        if (vectors != NULL)
            call->sequences[i].vector = vectors + i * dimension;
        ids += call->sequences[i].count;
    }
    aki_status status =
        worker_pool_run(call->model->workers, call->sequences, call->count, call->cancel, error);
    return status == AKI_OK
               ? first_failure(call->model->enc, call->sequences, call->count, call->before, error)
               : status;
}

aki_status aki_embed_sized(aki_model *model, const aki_text *texts, size_t count,
                           const aki_embed_options *options, size_t options_size, float *vectors,
                           aki_text_info *info, size_t info_size, aki_error *error)
{
    if (model == NULL || texts == NULL || vectors == NULL || count == 0)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "aki_embed: model, texts and vectors must be given, count >= 1");
    aki_embed_options own;
    text_call call;
    aki_status status = begin(&call, model, "aki_embed", count, info, info_size, error);
    if (status == AKI_OK)
        status = prepare(&call, ENCODER_EMBEDS, texts, &own, options, options_size, error);
    if (status == AKI_OK) {
        for (size_t i = 0; i < count; i++) {
            call.sequences[i].pooling = own.pooling;
            call.sequences[i].normalize = own.normalize;
            call.sequences[i].dimensions = own.dimensions;
        }
        status = compute(&call, vectors, own.dimensions > 0 ? own.dimensions : aki_dimension(model), error);
    }
    end(&call);
    return status;
}

void aki_token_vectors_free(aki_token_vectors *vectors, size_t count)
{
    for (size_t i = 0; vectors != NULL && i < count; i++) {
        mem_free(vectors[i].vectors);
        vectors[i] = (aki_token_vectors){0};
    }
}

static aki_status make_token_rooms(text_call *call, const aki_text_info *info, aki_token_vectors *out,
                                   aki_error *error)
{
    const size_t width = encoder_token_width(call->model->enc),
                 left_out = encoder_tokens_left_out(call->model->enc);
    for (size_t i = 0; i < call->count; i++) {
        size_t floats;
        out[i] = (aki_token_vectors){.count = info[i].tokens - left_out, .truncated = info[i].truncated};
        if (size_mul(info[i].tokens, width, &floats))
            out[i].vectors = mem_alloc(floats, sizeof *out[i].vectors);
        if (out[i].vectors == NULL)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the vectors of %zu tokens",
                             out[i].count);
        call->sequences[i].output = ENCODER_TOKENS;
        call->sequences[i].vector = out[i].vectors;
    }
    return AKI_OK;
}

aki_status aki_embed_tokens_sized(aki_model *model, const aki_text *texts, size_t count,
                                  const aki_embed_options *options, size_t options_size,
                                  aki_token_vectors *out, aki_error *error)
{
    if (model == NULL || texts == NULL || out == NULL || count == 0)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "aki_embed_tokens: model, texts and out must be given, count >= 1");
    memset(out, 0, count * sizeof *out);
    aki_embed_options own;
    text_call call;
    aki_text_info *info = mem_zalloc(count, sizeof *info);
    aki_status status = begin(&call, model, "aki_embed_tokens", count, info, sizeof *info, error);
    if (status == AKI_OK && info == NULL)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu texts", count);
    if (status == AKI_OK)
        status = prepare(&call, ENCODER_EMBEDS, texts, &own, options, options_size, error);
    if (status == AKI_OK)
        status = make_token_rooms(&call, info, out, error);
    if (status == AKI_OK)
        status = compute(&call, NULL, 0, error);
    if (status != AKI_OK)
        aki_token_vectors_free(out, count);
    mem_free(info);
    end(&call);
    return status;
}

/* ---- Weights of token ids ---- */

/* Numbers of the texts that are computed at once; what is kept of them is much less. */
#define SPARSE_BYTES ((size_t)32 << 20)

void aki_sparse_vectors_free(aki_sparse_vector *vectors, size_t count)
{
    for (size_t i = 0; vectors != NULL && i < count; i++) {
        mem_free(vectors[i].ids);
        mem_free(vectors[i].weights);
        vectors[i] = (aki_sparse_vector){0};
    }
}

static aki_status keep_weights(const encoder *enc, const float *numbers, const aki_text_info *info,
                               aki_sparse_vector *out, aki_error *error)
{
    *out = (aki_sparse_vector){.count = encoder_sparse_read(enc, numbers, NULL, NULL),
                               .tokens = info->tokens,
                               .truncated = info->truncated};
    if (out->count == 0)
        return AKI_OK;
    out->ids = mem_alloc(out->count, sizeof *out->ids);
    out->weights = mem_alloc(out->count, sizeof *out->weights);
    if (out->ids == NULL || out->weights == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the weights of a text");
    encoder_sparse_read(enc, numbers, out->ids, out->weights);
    return AKI_OK;
}

/* Some texts at a time, so that memory does not grow with vocabulary times texts. */
static aki_status compute_sparse(text_call *call, const aki_text_info *info, aki_sparse_vector *out,
                                 aki_error *error)
{
    const encoder *enc = call->model->enc;
    const size_t numbers = encoder_numbers(enc, ENCODER_SPARSE, 0), all = call->count;
    size_t most = SPARSE_BYTES / (numbers * sizeof(float));
    most = most < 1 ? 1 : most < all ? most : all;
    float *room = mem_alloc(most, numbers * sizeof *room);
    text_call part = *call;
    aki_status status =
        room != NULL ? AKI_OK
                     : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the weights of %zu texts", most);
    for (size_t i = 0; i < all; i++)
        call->sequences[i].output = ENCODER_SPARSE;
    for (size_t first = 0; first < all && status == AKI_OK; first += part.count) {
        part.before = first;
        part.count = all - first < most ? all - first : most;
        status = compute(&part, room, numbers, error);
        for (size_t i = 0; i < part.count && status == AKI_OK; i++) {
            status = keep_weights(enc, room + i * numbers, &info[first + i], &out[first + i], error);
            part.store.ids += part.sequences[i].count;
        }
        part.sequences += part.count;
    }
    mem_free(room);
    return status;
}

aki_status aki_embed_sparse_sized(aki_model *model, const aki_text *texts, size_t count,
                                  const aki_embed_options *options, size_t options_size,
                                  aki_sparse_vector *out, aki_error *error)
{
    if (model == NULL || texts == NULL || out == NULL || count == 0)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "aki_embed_sparse: model, texts and out must be given, count >= 1");
    memset(out, 0, count * sizeof *out);
    aki_embed_options own;
    text_call call;
    aki_text_info *info = mem_zalloc(count, sizeof *info);
    aki_status status = begin(&call, model, "aki_embed_sparse", count, info, sizeof *info, error);
    if (status == AKI_OK && info == NULL)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu texts", count);
    if (status == AKI_OK)
        status = prepare(&call, ENCODER_WEIGHS, texts, &own, options, options_size, error);
    if (status == AKI_OK)
        status = compute_sparse(&call, info, out, error);
    if (status != AKI_OK)
        aki_sparse_vectors_free(out, count);
    mem_free(info);
    end(&call);
    return status;
}

/* ---- Classifiers ---- */

aki_task aki_model_task(const aki_model *model)
{
    return encoder_task(model->enc);
}

const char *aki_label(const aki_model *model, size_t index)
{
    return encoder_label(model->enc, index);
}

static aki_status read_score_options(aki_score_options *own, const aki_score_options *options, size_t size,
                                     aki_error *error)
{
    *own = (aki_score_options){.scores = AKI_SCORES_MODEL};
    if (options != NULL && !sized_take(own, sizeof *own, options, size))
        return unknown_field(error);
    if ((unsigned)own->scores > AKI_SCORES_PROBABILITY)
        return error_set(error, AKI_INVALID_ARGUMENT, "options.scores %d is not known", (int)own->scores);
    if (own->instruction.data == NULL && own->instruction.length > 0)
        return error_set(error, AKI_INVALID_ARGUMENT, "options.instruction has a length and no text");
    return AKI_OK;
}

/* The pair of firsts[index], or of the query where that is NULL, and seconds[index]. */
static aki_status tokenize_pair(text_call *call, tokenizer_scratch *scratch, const aki_text *firsts,
                                const aki_text *seconds, size_t index, const aki_score_options *how,
                                aki_error *error)
{
    const token_pair_limits limits = {0};
    const encoder *enc = call->model->enc;
    token_span span;
    aki_status status = check_text(seconds, index, error);
    if (status == AKI_OK && firsts != NULL)
        status = check_text(firsts, index, error);
    if (status == AKI_OK && firsts != NULL)
        status = encoder_pair_first(enc, scratch, how->instruction, firsts[index], error);
    if (status == AKI_OK)
        status = encoder_pair_second(enc, scratch, seconds[index], &limits, how->refuse_long, &span, error);
    if (status == AKI_OK)
        status = keep_tokens(call, index, &span, error);
    if (status != AKI_OK)
        error_at_text(error, index);
    return status;
}

/* firsts NULL: `query` is the first text of each pair. */
static aki_status tokenize_pairs(text_call *call, aki_text query, const aki_text *firsts,
                                 const aki_text *seconds, const aki_score_options *how, aki_error *error)
{
    tokenizer_scratch *scratch = scratch_pool_take(&call->model->scratches);
    if (scratch == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to tokenize");
    aki_status status = firsts == NULL
                            ? encoder_pair_first(call->model->enc, scratch, how->instruction, query, error)
                            : AKI_OK;
    for (size_t i = 0; i < call->count && status == AKI_OK; i++)
        status = cancelled(call, i, error) ? AKI_CANCELLED
                                           : tokenize_pair(call, scratch, firsts, seconds, i, how, error);
    scratch_pool_give(&call->model->scratches, scratch);
    return status;
}

static aki_status compute_scores(text_call *call, aki_scores scores, float *logits, aki_error *error)
{
    const size_t labels = aki_dimension(call->model);
    aki_status status = compute(call, logits, labels, error);
    for (size_t i = 0; i < call->count && status == AKI_OK; i++)
        encoder_scores(call->model->enc, scores, logits + i * labels);
    return status;
}

aki_status aki_rerank_sized(aki_model *model, aki_text query, const aki_text *documents, size_t count,
                            const aki_score_options *options, size_t options_size, float *scores,
                            size_t *order, aki_text_info *info, size_t info_size, aki_error *error)
{
    if (model == NULL || documents == NULL || scores == NULL || count == 0 ||
        (query.data == NULL && query.length > 0))
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "aki_rerank: model, query, documents and scores must be given, count >= 1");
    aki_score_options own;
    text_call call;
    aki_status status = begin(&call, model, "aki_rerank", count, info, info_size, error);
    if (status == AKI_OK)
        status = encoder_check_use(model->enc, ENCODER_RERANKS, error);
    if (status == AKI_OK)
        status = read_score_options(&own, options, options_size, error);
    call.cancel = status == AKI_OK ? own.cancel : NULL;
    if (status == AKI_OK && query.length == 0)
        status = error_set(error, AKI_EMPTY_TEXT, "the query is the empty string");
    if (status == AKI_OK)
        status = tokenize_pairs(&call, query, NULL, documents, &own, error);
    if (status == AKI_OK)
        status = compute_scores(&call, own.scores, scores, error);
    if (status == AKI_OK && order != NULL)
        encoder_order(scores, count, order);
    end(&call);
    return status;
}

aki_status aki_classify_sized(aki_model *model, const aki_text *texts, const aki_text *seconds, size_t count,
                              const aki_score_options *options, size_t options_size, float *scores,
                              aki_text_info *info, size_t info_size, aki_error *error)
{
    if (model == NULL || texts == NULL || scores == NULL || count == 0)
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "aki_classify: model, texts and scores must be given, count >= 1");
    aki_score_options own;
    text_call call;
    aki_status status = begin(&call, model, "aki_classify", count, info, info_size, error);
    if (status == AKI_OK)
        status = encoder_check_use(model->enc, ENCODER_CLASSIFIES, error);
    if (status == AKI_OK)
        status = read_score_options(&own, options, options_size, error);
    call.cancel = status == AKI_OK ? own.cancel : NULL;
    if (status == AKI_OK && seconds == NULL && own.instruction.length > 0)
        status = error_set(error, AKI_INVALID_ARGUMENT, "an instruction is for pairs of texts");
    if (status == AKI_OK)
        status = seconds != NULL ? tokenize_pairs(&call, (aki_text){NULL, 0}, texts, seconds, &own, error)
                                 : tokenize_all(&call, texts, (aki_text){NULL, 0}, own.refuse_long, error);
    if (status == AKI_OK)
        status = compute_scores(&call, own.scores, scores, error);
    end(&call);
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
