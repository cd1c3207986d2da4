/* The tokens that the files beside the vocabulary name, in the order in which `transformers` adds them to a tokenizer:
 * first those with an id, by id; then the special tokens by their use; then further special tokens. Only the order
 * decides the ids of new tokens. */
#ifndef TOKENIZER_SIDE_TOKENS_H
#define TOKENIZER_SIDE_TOKENS_H

#include "tokenizer/definition.h"
#include "tokenizer/side_files.h"

typedef struct side_token {
    const char *text; /* 1 to TOKENIZER_ADDED_TOKEN_BYTES_MAX bytes, with a NUL */
    size_t length;
    int64_t id;                   /* as the file says, or SIDE_TOKEN_ANY_ID */
    const char *path;             /* the file, for messages */
    definition_added_token flags; /* token.id unused */
    bool optional;                /* "[PAD]" or "[MASK]": stands in no text by itself */
} side_token;

#define SIDE_TOKEN_ANY_ID ((int64_t)-1)

typedef struct side_tokens {
    side_token *items;
    size_t count, capacity;
    char *copies; /* texts of tokenizer.json's own tokens, one after another */
} side_tokens;

/* The name of a special token: as given, by default, or NULL where there is none. */
typedef enum special_use {
    USE_BOS,
    USE_EOS,
    USE_UNK,
    USE_SEP,
    USE_PAD,
    USE_CLS,
    USE_MASK,
    USE_COUNT
} special_use;

/* *text is NULL where neither a file nor the tokenizer's class names the token. Error: AKI_MODEL_INVALID. */
AKI_MUST_CHECK aki_status side_tokens_name(const side_files *side, special_use use, const char **text,
                                           aki_error *error);
/* "cls_token". */
const char *side_tokens_key(special_use use);

/* def: as read from tokenizer.json or vocab.txt. Texts live as long as `side` and the list. Whatever the result,
 * release with side_tokens_free. Errors: AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED (a token too long),
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status side_tokens_collect(side_tokens *list, const side_files *side,
                                              const definition *def, aki_error *error);
void side_tokens_free(side_tokens *list);

#endif
