/* Weights of token ids for a text, out of the last hidden states of its tokens: a masked language model's head (SPLADE), or
 * bge-m3's linear layer.
 *
 * The logits of a text are tokens x vocabulary, half a gigabyte at 4,096 tokens: they are computed in tiles of
 * SPARSE_ROWS tokens and some token ids, of which only the running maximum or sum stays. A tile's rows may be of several texts, so
 * that the decoder is read once for many short ones. A row's logits depend on that row only (kernels.h), and a text's rows come in
 * their order, so weights are bit-identical whatever stands beside a text.
 *
 * The decoder is packed in f32 where the encoder is fp32, else in bf16 where the tier is quicker with it; all else is f32. One thread
 * computes the head of a pass: a team helps with the encoder only.
 *
 * A text's weights are handed on as numbers, sparse_head_numbers of them, which are read with sparse_head_read: for SPLADE one for each
 * token id; for bge-m3, whose vocabulary is large, their count and then id and weight in turns. */
#ifndef ENGINE_SPARSE_HEAD_H
#define ENGINE_SPARSE_HEAD_H

#include "akidb/embed.h"
#include "engine/encoder.h"
#include "kernels/kernels.h"
#include "model/model.h"

#define SPARSE_ROWS 128

typedef struct sparse_head sparse_head; /* const after open, shared by all threads */

/* heads->sparse.kind is not NONE, and its weights are still there; they are copied. tok: of ids to leave out; NULL = none are.
 * max_tokens: of a text. Errors: AKI_OUT_OF_MEMORY, AKI_MODEL_INVALID (a weight that is not finite). */
AKI_MUST_CHECK aki_status sparse_head_open(sparse_head **out, const model_heads *heads,
                                           const kernel_table *kernels, aki_precision precision,
                                           const tokenizer *tok, size_t max_tokens, aki_error *error);
void sparse_head_close(sparse_head *head); /* NULL allowed */

size_t sparse_head_bytes(const sparse_head *head);
/* Of a text, in f32. */
size_t sparse_head_numbers(const sparse_head *head);
/* Numbers of f32 that a run needs beside its input, from a 64-byte aligned address on. */
size_t sparse_head_scratch(const sparse_head *head);

/* Fills vector and status of those sequences that ask for weights. states: [tokens][hidden] f32, text i's from row offsets[i] on. */
void sparse_head_run(const sparse_head *head, float *scratch, encoder_sequence *sequences, size_t count,
                     const float *states, const uint32_t *offsets);

/* Writes the ids, rising, and their weights, all above 0, and returns their number. ids, weights: NULL = count only. */
size_t sparse_head_read(const sparse_head *head, const float *numbers, int32_t *ids, float *weights);

#endif
