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

/* Text around the two texts of every pair, for language models that are asked about them, with an instruction before the first one:
 * the caller's, or `instruction`. All are tokenized as the texts are; a word that a tokenizer cuts off must not go on from
 * `before_second` into what stands before it. The strings outlive the tokenizer. */
typedef struct token_pair_frame {
    const char *before_instruction, *instruction, *before_first, *after_first, *before_second, *after_second;
} token_pair_frame;

/* Puts every pair into the frame, in place of the post-processor's pair; only the second text is cut then. Before the tokenizer is
 * used by several threads. Errors: AKI_MODEL_UNSUPPORTED (after_second has more tokens than TOKENIZER_SPECIAL_TOKENS_MAX),
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status token_pair_set_frame(tokenizer *tok, const token_pair_frame *frame,
                                               aki_error *error);
/* The token that `text` is, without special tokens; -1 where it is none or several. Also -1 without memory. */
int32_t token_pair_answer(const tokenizer *tok, const char *text);

/* False: the post-processor has no pair, or one of a form that is not implemented. */
bool token_pair_known(const tokenizer *tok);
/* True where a frame has room for an instruction. */
bool token_pair_instructed(const tokenizer *tok);
/* True where the second text is of token type 1. */
bool token_pair_typed(const tokenizer *tok);
/* How many special tokens a pair has: the least max_tokens. */
size_t token_pair_special_count(const tokenizer *tok);

/* Tokenizes the first text into the scratch, where it stays until the next call of this function. The empty string has no
 * tokens. instruction of length 0: the frame's own; any other only where token_pair_instructed. Errors: AKI_INVALID_UTF8,
 * AKI_OUT_OF_MEMORY, AKI_MODEL_UNSUPPORTED (the tokenizer has no pairs). */
AKI_MUST_CHECK aki_status token_pair_first(const tokenizer *tok, tokenizer_scratch *scratch,
                                           aki_text instruction, aki_text text, aki_error *error);
/* The pair of that text and this one. Errors: AKI_INVALID_UTF8, AKI_OUT_OF_MEMORY, AKI_INVALID_ARGUMENT (a limit below the
 * number of special tokens), AKI_TEXT_TOO_LONG (second_only, and the first text alone leaves no room), AKI_NO_TOKENS. */
AKI_MUST_CHECK aki_status token_pair_second(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                                            const token_pair_limits *limits, token_span *out,
                                            aki_error *error);

#endif
