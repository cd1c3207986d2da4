/* Texts that are read, computed and written together by `embed`, with all that is known of each. Memory is bounded by the number
 * of texts and by their bytes. */
#ifndef CLI_BULK_EMBED_BATCH_H
#define CLI_BULK_EMBED_BATCH_H

#include "base/buf.h"
#include "cli/bulk/skipped_texts.h"
#include "cli/bulk/text_reader.h"
#include "cli/bulk/vector_format.h"

typedef struct embed_item {
    size_t text, length;    /* in `bytes` */
    size_t id;              /* in `bytes`, NUL-terminated, or SIZE_MAX */
    uint64_t line;          /* where it stands in the input */
    uint64_t index;         /* of the text in the input, from 0 */
    skipped_counts skipped; /* texts left out before it */
    line_position position; /* of the input before it */
} embed_item;

typedef struct embed_batch {
    size_t count, capacity, max_text_bytes, dimension;
    embed_item *items;   /* [capacity] */
    aki_text *texts;     /* [capacity], set by embed_batch_compute */
    aki_text_info *info; /* [capacity] */
    vector_kind kind;
    float *vectors;            /* DENSE: [capacity][dimension] */
    aki_sparse_vector *sparse; /* SPARSE: [capacity], [count] of them filled once computed */
    aki_token_vectors *tokens; /* TOKENS: likewise */
    buf bytes;
} embed_batch;

/* max_text_bytes: a batch with that many is full; longest_text: the most that one text with its id can have. */
AKI_MUST_CHECK aki_status embed_batch_open(embed_batch *batch, size_t capacity, size_t max_text_bytes,
                                           size_t longest_text, vector_kind kind, size_t dimension,
                                           aki_error *error);
void embed_batch_close(embed_batch *batch);

void embed_batch_clear(embed_batch *batch);
bool embed_batch_full(const embed_batch *batch);
/* Copies text and id; the other fields are the caller's to set in *item. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status embed_batch_add(embed_batch *batch, const text_record *record, embed_item item,
                                          aki_error *error);
/* Errors as aki_embed, aki_embed_sparse or aki_embed_tokens. */
AKI_MUST_CHECK aki_status embed_batch_compute(embed_batch *batch, aki_model *model,
                                              const aki_embed_options *how, aki_error *error);
/* The vectors of text `index`, once computed. */
void embed_batch_get(const embed_batch *batch, size_t index, vector_record *record);

#endif
