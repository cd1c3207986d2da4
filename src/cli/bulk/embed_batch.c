#include "cli/bulk/embed_batch.h"

#include "base/error.h"
#include "base/memory.h"

#include <string.h>

aki_status embed_batch_open(embed_batch *batch, size_t capacity, size_t max_text_bytes, size_t longest_text,
                            vector_kind kind, size_t dimension, aki_error *error)
{
    *batch = (embed_batch){
        .capacity = capacity, .max_text_bytes = max_text_bytes, .kind = kind, .dimension = dimension};
    size_t most, values = 0;
    bool fits = size_add(max_text_bytes, longest_text, &most) &&
                (kind != VECTORS_DENSE || size_mul(capacity, dimension, &values));
    buf_init(&batch->bytes, fits ? most : 0);
    if (fits) {
        batch->items = mem_alloc(capacity, sizeof *batch->items);
        batch->texts = mem_alloc(capacity, sizeof *batch->texts);
        batch->info = mem_alloc(capacity, sizeof *batch->info);
        if (kind == VECTORS_DENSE)
            batch->vectors = mem_alloc(values, sizeof *batch->vectors);
        else if (kind == VECTORS_SPARSE)
            batch->sparse = mem_zalloc(capacity, sizeof *batch->sparse);
        else
            batch->tokens = mem_zalloc(capacity, sizeof *batch->tokens);
    }
    if (!fits || batch->items == NULL || batch->texts == NULL || batch->info == NULL ||
        (batch->vectors == NULL && batch->sparse == NULL && batch->tokens == NULL)) {
        embed_batch_close(batch);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu texts at once", capacity);
    }
    return AKI_OK;
}

static void free_computed(embed_batch *batch)
{
    aki_sparse_vectors_free(batch->sparse, batch->capacity);
    aki_token_vectors_free(batch->tokens, batch->capacity);
}

void embed_batch_close(embed_batch *batch)
{
    free_computed(batch);
    mem_free(batch->sparse);
    mem_free(batch->tokens);
    mem_free(batch->items);
    mem_free(batch->texts);
    mem_free(batch->info);
    mem_free(batch->vectors);
    buf_free(&batch->bytes);
    *batch = (embed_batch){.count = 0};
}

void embed_batch_clear(embed_batch *batch)
{
    free_computed(batch);
    batch->count = 0;
    buf_clear(&batch->bytes);
}

bool embed_batch_full(const embed_batch *batch)
{
    return batch->count == batch->capacity || batch->bytes.length >= batch->max_text_bytes;
}

aki_status embed_batch_add(embed_batch *batch, const text_record *record, embed_item item, aki_error *error)
{
    item.text = batch->bytes.length;
    item.length = record->length;
    buf_append(&batch->bytes, record->text, record->length);
    item.id = SIZE_MAX;
    if (record->id != NULL) {
        item.id = batch->bytes.length;
        buf_append(&batch->bytes, record->id, strlen(record->id) + 1);
    }
    if (batch->bytes.failed)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a text of %zu bytes", record->length);
    batch->items[batch->count++] = item;
    return AKI_OK;
}

aki_status embed_batch_compute(embed_batch *batch, aki_model *model, const aki_embed_options *how,
                               aki_error *error)
{
    for (size_t i = 0; i < batch->count; i++)
        batch->texts[i] =
            (aki_text){.data = batch->bytes.data + batch->items[i].text, .length = batch->items[i].length};
    aki_status status = AKI_OK;
    switch (batch->kind) {
    case VECTORS_SPARSE:
        status = aki_embed_sparse(model, batch->texts, batch->count, how, batch->sparse, error);
        for (size_t i = 0; i < batch->count && status == AKI_OK; i++)
            batch->info[i] = (aki_text_info){batch->sparse[i].tokens, batch->sparse[i].truncated};
        break;
    case VECTORS_TOKENS:
        status = aki_embed_tokens(model, batch->texts, batch->count, how, batch->tokens, error);
        for (size_t i = 0; i < batch->count && status == AKI_OK; i++)
            batch->info[i] = (aki_text_info){(uint32_t)batch->tokens[i].count, batch->tokens[i].truncated};
        break;
    case VECTORS_DENSE:
        status = aki_embed(model, batch->texts, batch->count, how, batch->vectors, batch->info, error);
        break;
    }
    return status;
}

void embed_batch_get(const embed_batch *batch, size_t index, vector_record *record)
{
    record->kind = batch->kind;
    record->dimension = batch->dimension;
    switch (batch->kind) {
    case VECTORS_SPARSE:
        record->ids = batch->sparse[index].ids;
        record->vector = batch->sparse[index].weights;
        record->dimension = batch->sparse[index].count;
        break;
    case VECTORS_TOKENS:
        record->vector = batch->tokens[index].vectors;
        record->rows = batch->tokens[index].count;
        break;
    case VECTORS_DENSE:
        record->vector = batch->vectors + index * batch->dimension;
        break;
    }
}
