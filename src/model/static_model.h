/* What a static model's weight file says: its sizes, and the row and the factor of each token.
 *
 * model2vec's file has `embeddings` [rows][hidden] and, where its vocabulary was quantised, `mapping` [tokens] (the row of each token id) and
 * `weights` [tokens] (what the row is multiplied by). StaticEmbedding's has `embedding.weight` [tokens][hidden] and nothing else. */
#ifndef MODEL_STATIC_MODEL_H
#define MODEL_STATIC_MODEL_H

#include "model/parts.h"
#include "model/modules.h"
#include "model/safetensors.h"

/* Fills in the sizes; in a folder whose modules.json names a StaticEmbedding also the family and what follows from it. Errors: as
 * weight_files_open, and AKI_MODEL_INVALID (a tensor is missing or has another shape), AKI_MODEL_UNSUPPORTED. */
AKI_MUST_CHECK aki_status static_read_sizes(model_config *config, const model_modules *modules,
                                            aki_error *error);

/* Copies rows and factors of the tokens, where the file has them. data: the file that `file` was parsed from. Errors: AKI_MODEL_INVALID
 * (another length, a row that is not there, a factor that is not finite), AKI_MODEL_UNSUPPORTED (element type), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status static_bind_tokens(model_weights *weights, const model_config *config,
                                             const safetensors *file, const unsigned char *data,
                                             const char *path, aki_error *error);

#endif
