/* The readers of a model folder's configuration files; each fills its part of model_config.
 *
 * Where a file leaves a value out, the defaults are those of transformers' BertConfig and of sentence-transformers, so
 * that a folder means here what it means there. What would change the vectors and is not implemented is refused as
 * AKI_MODEL_UNSUPPORTED, never ignored. Errors of both: AKI_MODEL_NOT_FOUND, AKI_MODEL_INVALID,
 * AKI_MODEL_UNSUPPORTED, AKI_IO_ERROR, AKI_OUT_OF_MEMORY; messages name file and field. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include "model/parts.h"
#include "model/modules.h"
#include "model/sentence_file.h"

/* config.json: sizes, activation, epsilon, and the family, unless that is known: then the file may be absent. The
 * sentence file's arguments for it win over the file. A folder with
 * adapter_config.json, whose weights would have to be merged, is refused. */
AKI_MUST_CHECK aki_status config_read_architecture(model_config *config, const char *folder,
                                                   const sentence_file *sentence, aki_error *error);

/* max_tokens out of the sentence file and tokenizer_config.json. Needs config->max_positions. */
AKI_MUST_CHECK aki_status config_read_sentence(model_config *config, const model_modules *modules,
                                               const sentence_file *sentence, aki_error *error);

#endif
