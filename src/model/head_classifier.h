/* Sequence classification: the head of models that transformers saves as ...ForSequenceClassification, which cross-encoders
 * (rerankers) are too.
 *
 * A folder is one where its first "architectures" says so and no module stands behind its Transformer: a folder without
 * modules.json, or one that sentence-transformers saved of a CrossEncoder. The head becomes steps as modules do: a pooling, in
 * most families a Dense with an activation, in some a LayerNorm, and a Dense with an output for each label. */
#ifndef MODEL_HEAD_CLASSIFIER_H
#define MODEL_HEAD_CLASSIFIER_H

#include "model/parts.h"
#include "model/modules.h"
#include "model/safetensors.h"
#include "model/sentence_file.h"

/* Fills *out where the folder is a classifier's; *found says whether it is. config: with its family and sizes. folder: the root
 * folder. The weights are bound later. Whatever the result, release *out with heads_free. Errors: AKI_MODEL_INVALID,
 * AKI_MODEL_UNSUPPORTED, AKI_IO_ERROR, AKI_OUT_OF_MEMORY; messages name file and field. */
AKI_MUST_CHECK aki_status classifier_read(model_heads *out, bool *found, const model_modules *modules,
                                          const model_config *config, const sentence_file *sentence,
                                          const char *folder, aki_error *error);

/* Copies the head's weights out of the model's weight file. weights: bound before. Errors as head_weights_copy. */
AKI_MUST_CHECK aki_status classifier_bind(model_heads *heads, const model_config *config,
                                          const model_weights *weights, const safetensors *file,
                                          const unsigned char *data, const char *path, aki_error *error);

/* The last step of a model with a question, from the rows of its answers. Errors as model_bind_answers. */
AKI_MUST_CHECK aki_status classifier_bind_answers(model_heads *heads, int32_t yes, int32_t no,
                                                  aki_error *error);

#endif
