/* A tokenizer as its files describe it. The readers of tokenizer.json and of vocab.txt fill it, definition_apply corrects
 * it by the files beside them, and tokenizer_open builds from it. Everything in it has been checked against everything
 * else. */
#ifndef TOKENIZER_DEFINITION_H
#define TOKENIZER_DEFINITION_H

#include "tokenizer/added_tokens.h"
#include "tokenizer/decode.h"
#include "tokenizer/normal_stages.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/side_files.h"
#include "tokenizer/split_stages.h"
#include "tokenizer/tokenizer_limits.h"
#include "tokenizer/vocabulary.h"

typedef struct definition_added_token {
    added_token token;
    bool normalized; /* looked for in the normalised text, in its normalised form */
} definition_added_token;

/* Ids that the post-processor puts on one side of the text. */
typedef struct special_ids {
    int32_t ids[TOKENIZER_SPECIAL_TOKENS_MAX];
    size_t count;
} special_ids;

/* How the post-processor puts two texts together: `before`, the first text, `between`, the second text, `after`. */
typedef struct pair_ids {
    special_ids before, between, after;
    bool known; /* false: the post-processor does not say, or says something else than the above */
    bool typed; /* the model is given token type 1 for the second text and what follows it */
    size_t untyped_between; /* tokens of `between` that are of type 0 all the same */
} pair_ids;

typedef enum definition_model {
    MODEL_WORDPIECE, /* with BertNormalizer and BertPreTokenizer */
    MODEL_UNIGRAM,   /* with stages */
    MODEL_BPE,       /* with stages */
} definition_model;

typedef struct definition {
    vocabulary vocab;
    size_t model_count; /* the first ones of the vocabulary are the model's; added tokens follow */
    definition_model model;
    /* WordPiece */
    normalizer_flags flags;
    char *unknown, *prefix;
    size_t max_chars;
    /* Unigram and BPE */
    normal_stages normal;
    split_stages split;
    /* BPE */
    bpe_settings bpe;
    /* Unigram */
    double *scores;       /* [model_count] as `tokenizers` reads them from tokenizer.json */
    double *exact_scores; /* [model_count] as the file says: what Python hands to `tokenizers` */
    size_t unknown_id;
    bool byte_fallback;
    definition_added_token *added; /* [added_count], no text twice */
    size_t added_count;
    special_ids before, after;
    pair_ids pair;
    token_decoder decoder;
    char *pad_token;              /* tokenizer.json's, or NULL */
    bool truncate_left, pad_left; /* from which side a text is cut, on which it is padded */
    size_t most_tokens;           /* to which tokenizer.json cuts; 0 = it does not */
    bool has_types;               /* the template gives some token another type than 0 */
    bool has_empty_lines;         /* of vocab.txt: ids of further tokens cannot be told */
} definition;

/* Reads "normalizer" and "pre_tokenizer" of a Unigram or a BPE tokenizer. Errors as tokenizer_open. */
AKI_MUST_CHECK aki_status definition_read_stages(definition *def, const json_t *root, const char *path,
                                                 aki_error *error);
/* Reads "model", "normalizer" and "pre_tokenizer" of a Unigram tokenizer into an empty definition, with room in the
 * vocabulary for the added tokens that the model does not have. known: an empty index, which becomes that of the
 * model's tokens and is the caller's to free; its texts are those of `root`. Errors as tokenizer_open. */
AKI_MUST_CHECK aki_status definition_read_unigram(definition *def, const json_t *root, const char *path,
                                                  size_t vocabulary_limit, token_index *known,
                                                  aki_error *error);

/* Reads "model", "normalizer" and "pre_tokenizer" of a BPE tokenizer into a definition that has the vocabulary. Errors as
 * tokenizer_open. */
AKI_MUST_CHECK aki_status definition_read_bpe(definition *def, const json_t *root, const char *path,
                                              aki_error *error);
/* Sets what follows from the pre-tokenizers, and checks that they go together with the model. */
AKI_MUST_CHECK aki_status definition_check_bpe(definition *def, const char *path, aki_error *error);

/* The word limit of BERT. */
#define DEFINITION_USUAL_CHARS ((size_t)100)

/* path: the file; must outlive the definition. On failure *out is empty. Errors as tokenizer_open. */
AKI_MUST_CHECK aki_status definition_read_json(definition *out, const char *path, size_t vocabulary_limit,
                                               aki_error *error);
/* Likewise, whatever "post_processor" says: nothing is added to a text. */
AKI_MUST_CHECK aki_status definition_read_plain_json(definition *out, const char *path,
                                                     size_t vocabulary_limit, aki_error *error);
/* The vocabulary alone, with the word limit and the prefix of BERT. */
AKI_MUST_CHECK aki_status definition_read_vocab(definition *out, const char *path, size_t vocabulary_limit,
                                                aki_error *error);
/* vocab.json and merges.txt, of a BPE model. Everything else about the tokenizer comes from definition_apply. */
AKI_MUST_CHECK aki_status definition_read_pair_files(definition *out, const char *vocab_path,
                                                     const char *merges_path, size_t vocabulary_limit,
                                                     aki_error *error);
/* Corrects what was read by the files beside it. On failure *def is still to be freed. Errors as tokenizer_open. */
AKI_MUST_CHECK aki_status definition_apply(definition *def, const side_files *side, size_t vocabulary_limit,
                                           aki_error *error);

/* The pair of BERT (one separator, types 0 and 1) or of RoBERTa (two separators, type 0 only), from the tokens around a single
 * text. */
void definition_pair_texts(definition *def, size_t separators, bool typed);

/* A zeroed definition is allowed. */
void definition_free(definition *def);

#endif
