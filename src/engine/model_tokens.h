/* A model's tokenizer, opened as the model uses it. A static model uses tokenizer.json alone. */
#ifndef ENGINE_MODEL_TOKENS_H
#define ENGINE_MODEL_TOKENS_H

#include "model/model.h"
#include "tokenizer/tokenizer.h"

/* Lowers the model's limit where the tokenizer has one. Errors: as tokenizer_open. */
AKI_MUST_CHECK aki_status model_tokens_open(tokenizer **out, model *m, aki_error *error);

/* Of a folder whose weights need not be there, unless it is a static model's. Errors: as tokenizer_open, modules_find_transformer and,
 * for a static model, model_open. */
AKI_MUST_CHECK aki_status model_tokens_open_folder(tokenizer **out, const char *folder, aki_error *error);

#endif
