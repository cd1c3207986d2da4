/* Binds the tensors of a weight file to the fields of model_weights, by the family's table of names and shapes.
 *
 * Names are those of the family's class in transformers, with or without the prefix that its task models put before them, and
 * LayerNorm's also by their older names gamma and beta. Tensors that are in no table (pooler, cls, position_ids) are left
 * alone. */
#ifndef MODEL_WEIGHTS_H
#define MODEL_WEIGHTS_H

#include "model/parts.h"
#include "model/safetensors.h"

/* data: the file that `file` was parsed from; the weights are views into it. Whatever the result, release them with
 * weights_free. config->family is the one whose names hold. Errors: AKI_MODEL_INVALID (missing tensor, wrong shape),
 * AKI_MODEL_UNSUPPORTED (element type), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status weights_bind(model_weights *weights, const model_config *config,
                                       const safetensors *file, const unsigned char *data, const char *path,
                                       aki_error *error);
/* Prefix of the names of the family's tensors in this file; "" where it has none. */
struct model_family;
const char *weights_prefix(const struct model_family *family, const safetensors *file);
/* The element type of a tensor of the file `path`. Error: AKI_MODEL_UNSUPPORTED, one that is not read. */
AKI_MUST_CHECK aki_status weights_dtype(const safetensors_entry *entry, const char *path, model_dtype *dtype,
                                        aki_error *error);
/* Finds the first tensor that holds NaN or infinity, and its row. name: without prefix, cut to `room`. False = there
 * is none. Reads all weights. */
bool weights_find_not_finite(const model_weights *weights, const model_config *config, char *name,
                             size_t room, size_t *row);
void weights_free(model_weights *weights);

#endif
