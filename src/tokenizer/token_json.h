/* An added token as `tokenizers` writes it into JSON: {"content": …, "lstrip": …, …}. */
#ifndef TOKENIZER_TOKEN_JSON_H
#define TOKENIZER_TOKEN_JSON_H

#include "tokenizer/definition.h"
#include "akidb/embed.h"
#include "tokenizer/tokenizer_limits.h"

#include <jansson.h>

/* Reads the flags of `row`; out->token.id is not changed. special: the default where the row does not say. A special
 * token is matched in the raw text, unless "normalized" says otherwise. Error: AKI_MODEL_INVALID. */
AKI_MUST_CHECK aki_status token_json_flags(definition_added_token *out, const json_t *row, bool special,
                                           const char *path, aki_error *error);

/* The length of a token's text, 0 for none. Errors: AKI_MODEL_INVALID (not a string, or with U+0000),
 * AKI_MODEL_UNSUPPORTED (more than TOKENIZER_ADDED_TOKEN_BYTES_MAX bytes). */
AKI_MUST_CHECK aki_status token_json_text(const json_t *text, const char *path, const char *key,
                                          size_t *length, aki_error *error);

/* Fields of tokenizer.json that hold stages: null, one stage, or a Sequence of some ("normalizer", "pre_tokenizer"). */

typedef struct stage_parts {
    const json_t *items[TOKENIZER_STAGES_MAX]; /* of the document that was read */
    size_t count;
} stage_parts;

/* field: the field's value, or NULL. name: the field's. list: the array's in a Sequence. path: the file, for messages. Errors:
 * AKI_MODEL_INVALID (a Sequence without the array), AKI_MODEL_UNSUPPORTED (more than TOKENIZER_STAGES_MAX). */
AKI_MUST_CHECK aki_status stage_parts_read(stage_parts *parts, const json_t *field, const char *name,
                                           const char *list, const char *path, aki_error *error);

#endif
