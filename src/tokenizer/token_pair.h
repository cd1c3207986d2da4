/* Two texts as one sequence of token ids, as `tokenizers` puts pairs together: for models that compare a query with a
 * document.
 *
 * The first text is tokenized once and stays in the scratch for any number of second ones. The special tokens, and the
 * token types, are those of the post-processor's pair (BertProcessing, RobertaProcessing, TemplateProcessing). */
#ifndef TOKENIZER_TOKEN_PAIR_H
#define TOKENIZER_TOKEN_PAIR_H

#include "tokenizer/tokenizer.h"

typedef struct token_pair_limits {
    size_t max_tokens;    /* special tokens included; 0 = uncut */
    size_t second_tokens; /* to which the second text is cut before that; 0 = uncut */
    bool keep_tail;       /* a text that is cut keeps its end; else as the model says */
    bool second_only;     /* only the second text is cut; else the longer one first ("longest_first") */
} token_pair_limits;

/* False: the post-processor has no pair, or one of a form that is not implemented. */
bool token_pair_known(const tokenizer *tok);
/* True where the second text is of token type 1. */
bool token_pair_typed(const tokenizer *tok);
/* How many special tokens a pair has: the least max_tokens. */
size_t token_pair_special_count(const tokenizer *tok);

/* Tokenizes the first text into the scratch, where it stays until the next call of this function. The empty string has no
 * tokens. Errors: AKI_INVALID_UTF8, AKI_OUT_OF_MEMORY, AKI_MODEL_UNSUPPORTED (the tokenizer has no pairs). */
AKI_MUST_CHECK aki_status token_pair_first(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                                           aki_error *error);
/* The pair of that text and this one. Errors: AKI_INVALID_UTF8, AKI_OUT_OF_MEMORY, AKI_INVALID_ARGUMENT (a limit below the
 * number of special tokens), AKI_TEXT_TOO_LONG (second_only, and the first text alone leaves no room), AKI_NO_TOKENS. */
AKI_MUST_CHECK aki_status token_pair_second(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                                            const token_pair_limits *limits, token_span *out,
                                            aki_error *error);

#endif
