/* From the last hidden states of texts to their vectors: the model's list of steps (Pooling, Dense, LayerNorm,
 * Normalize), run in order.
 *
 * Texts are taken in blocks of HEAD_CHAIN_ROWS, so that a Dense reads its weights once for many. A row's result depends
 * on that row only, by the contract of kernels.h, so a vector is bit-identical whatever stands beside it. All steps are
 * computed in f32, whatever the precision of the encoder.
 *
 * A Normalize at the end of the list is the part of it that a request may switch; one in the middle belongs to the
 * model. */
#ifndef ENGINE_HEAD_CHAIN_H
#define ENGINE_HEAD_CHAIN_H

#include "engine/encoder.h"
#include "kernels/kernels.h"
#include "model/model.h"

#define HEAD_CHAIN_ROWS 32

struct sparse_head; /* engine/sparse_head.h */

typedef struct head_chain head_chain; /* const after open, shared by all threads */

/* list: outlives the chain, but for the weights of Dense, which are copied. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status head_chain_open(head_chain **out, const model_heads *list,
                                          const kernel_table *kernels, aki_error *error);
void head_chain_close(head_chain *chain); /* NULL allowed */
/* Gives it the model's sparse head, which is closed with it. Before it is shared. */
void head_chain_take_sparse(head_chain *chain, struct sparse_head *sparse);
const struct sparse_head *head_chain_sparse(const head_chain *chain); /* NULL = none */

size_t head_chain_dimension(const head_chain *chain);
/* Numbers of a token's last hidden state, and of its vector: ColBERT's where the model has that, else the state. */
size_t head_chain_hidden(const head_chain *chain);
size_t head_chain_token_width(const head_chain *chain);
/* The Pooling. */
const model_head *head_chain_pooling(const head_chain *chain);
/* The list ends with a Normalize. */
bool head_chain_normalizes(const head_chain *chain);
/* The sequence's numbers depend on the last token's state alone. */
bool head_chain_takes_last(const head_chain *chain, const encoder_sequence *sequence);
/* Memory of the weights. */
size_t head_chain_bytes(const head_chain *chain);

/* Numbers of f32 that a run needs beside its input. */
size_t head_chain_scratch(const head_chain *chain);

/* All steps but the last normalisation: fills vector and status of each sequence. states: [tokens][hidden] f32, text i's
 * from row offsets[i] on; offsets NULL: [count][hidden], what a device has pooled already. scratch:
 * [head_chain_scratch]. */
void head_chain_run(const head_chain *chain, float *scratch, encoder_sequence *sequences, size_t count,
                    const float *states, const uint32_t *offsets);
/* Then the normalisation, where it is wanted. */
void head_chain_conclude(const head_chain *chain, encoder_sequence *sequences, size_t count);

/* From a classifier's logits to the scores that people read. */

/* As the class of torch.nn computes it. */
float head_activate(float x, model_head_activation activation);

/* Turns the logits of one text or pair ([count], in place) into scores, as `scores` says. heads: the model's. */
void head_scores_apply(const model_heads *heads, aki_scores scores, float *logits, size_t count);

/* Fills order[0..count) with the places of the scores, greatest first, equal ones as they stand. */
void head_scores_order(const float *scores, size_t count, size_t *order);

#endif
