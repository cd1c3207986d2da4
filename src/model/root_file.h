/* config_sentence_transformers.json in the model's root folder: prompts, the default prompt, and "truncate_dim".
 *
 * As in the reference it counts only beside a modules.json, and a SparseEncoder's vectors are not cut. */
#ifndef MODEL_ROOT_FILE_H
#define MODEL_ROOT_FILE_H

#include "model/parts.h"
#include "model/modules.h"

typedef struct root_file {
    model_prompts prompts;
    size_t truncate_dimension; /* SIZE_MAX = vectors stay as they are */
} root_file;

/* leaves_prompt_out: as the pooling says. Whatever the result, release out->prompts with prompts_free. Errors: AKI_MODEL_NOT_FOUND (a link that leads nowhere),
 * AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED, AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status root_file_read(root_file *out, const model_modules *modules, const char *folder,
                                         bool leaves_prompt_out, aki_error *error);
void prompts_free(model_prompts *prompts);

/* NULL = there is no prompt of that name. */
const model_prompt *prompts_find(const model_prompts *prompts, const char *name);

#endif
