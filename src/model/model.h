/* A model folder as published by sentence-transformers, read and checked: configuration and weight tensors.
 *
 * A model is an encoder (model_config, model_weights), a list of steps from its hidden states to the text's vector
 * (model_heads), and the prompts that may stand before a text.
 *
 * Everything in the folder is untrusted. Weights are views into a guarded memory map of the weight files; they are
 * const and shared. Whoever computes from them checks model_damaged afterwards (see base/mapping.h). */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "akidb/embed.h"
#include "model/parts.h"

typedef struct model model;

/* Reads the folder. On success the caller owns *out. Takes milliseconds: the weights' pages are not touched. Each
 * model takes one of MAPPING_MAX mappings. Errors: AKI_MODEL_NOT_FOUND, AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED, AKI_MODEL_CHANGED (cut while being read), AKI_IO_ERROR, AKI_OUT_OF_MEMORY; each message names
 * the file and, where it applies, the tensor or field. */
AKI_MUST_CHECK aki_status model_open(model **out, const char *folder, aki_error *error);
void model_close(model *m);

const model_config *model_configuration(const model *m);
const model_weights *model_weights_of(const model *m);
const model_heads *model_heads_of(const model *m);
/* Frees the weights of Dense and of sparse heads, for whoever has made copies. */
void model_release_head_weights(model *m);
/* Of a model with a question: makes the head of the rows of two tokens. Errors: AKI_MODEL_INVALID (not finite), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status model_bind_answers(model *m, int32_t yes, int32_t no, aki_error *error);
const model_prompts *model_prompts_of(const model *m);
/* Lowers max_tokens to what the tokenizer's own file says; 0 = it does not say. */
void model_limit_tokens(model *m, size_t most);
/* NULL = the model has no prompt of that name. */
const model_prompt *model_prompt_find(const model *m, const char *name);
/* Makes the prompt of that name the default; one that the model does not have: none is. */
void model_choose_prompt(model *m, const char *name);
/* Where the tokenizer's files lie: the folder given to model_open, or the one in it that modules.json names. */
const char *model_folder(const model *m);
/* True for a folder without modules.json: mean pooling and no normalisation are this program's choice. */
bool model_is_bare(const model *m);
/* Bytes of the mapped weight files. */
size_t model_weight_bytes(const model *m);
/* For when most weights were copied: the pages of the file that were read no longer count as this process's memory. */
void model_drop_pages(const model *m);
/* True when a weight is NaN or infinite. Then `name` ([room]) is the first tensor with such a number, and *row its
 * row. Reads the whole weight file. */
bool model_find_not_finite(const model *m, char *name, size_t room, size_t *row);
/* True once the weight file was found cut: what was computed since is worthless. Costs a system call: ask once per
 * pass, after it. */
bool model_damaged(const model *m);

#endif
