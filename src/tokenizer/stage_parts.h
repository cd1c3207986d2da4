/* Fields of tokenizer.json that hold stages: null, one stage, or a Sequence of some ("normalizer", "pre_tokenizer"). */
#ifndef TOKENIZER_STAGE_PARTS_H
#define TOKENIZER_STAGE_PARTS_H

#include "akidb/embed.h"
#include "tokenizer/tokenizer_limits.h"

#include <jansson.h>

typedef struct stage_parts {
    const json_t *items[TOKENIZER_STAGES_MAX]; /* of the document that was read */
    size_t count;
} stage_parts;

/* field: the field's value, or NULL. name: the field's. list: the array's in a Sequence. path: the file, for messages. Errors:
 * AKI_MODEL_INVALID (a Sequence without the array), AKI_MODEL_UNSUPPORTED (more than TOKENIZER_STAGES_MAX). */
AKI_MUST_CHECK aki_status stage_parts_read(stage_parts *parts, const json_t *field, const char *name,
                                           const char *list, const char *path, aki_error *error);

#endif
