/* The files beside tokenizer.json and vocab.txt that affect the ids: tokenizer_config.json,
 * special_tokens_map.json, added_tokens.json, and the tokenizer's class in config.json.
 *
 * The rules are those of `transformers` 5.23: special_tokens_map.json, where it counts, overrides
 * tokenizer_config.json key by key, and it counts, like added_tokens.json, only where tokenizer_config.json has no
 * "added_tokens_decoder". A setting that would change ids or vectors and that this program does not implement is
 * refused by name. Keys without influence are left alone. */
#ifndef TOKENIZER_SIDE_FILES_H
#define TOKENIZER_SIDE_FILES_H

#include "akidb/embed.h"

#include <jansson.h>

typedef enum tokenizer_class {
    /* BertTokenizer: takes the vocabulary from the file; normalizer, prefix, word limit and special tokens around the
     * text come from the settings, whatever tokenizer.json says. */
    TOKENIZER_CLASS_BERT,
    /* MPNetTokenizer: as that, with names of its own for the special tokens, and blanks before the mask taken with it. */
    TOKENIZER_CLASS_MPNET,
    /* XLMRobertaTokenizer: as BertTokenizer, but for Unigram. Of the normalizers only the first Precompiled is used; words are cut
     * at white space, and the unknown token is the one with the id 3. */
    TOKENIZER_CLASS_XLM_ROBERTA,
    /* RobertaTokenizer: as BertTokenizer, but for a byte-level BPE cut by GPT-2's pattern. */
    TOKENIZER_CLASS_ROBERTA,
    /* GPT2Tokenizer: as that, but with the post-processor of the file. */
    TOKENIZER_CLASS_GPT2,
    /* Qwen2Tokenizer: as GPT2Tokenizer, with NFC and a pattern of its own. */
    TOKENIZER_CLASS_QWEN2,
    /* GemmaTokenizer: BPE over characters, with a token per byte for those that have none. */
    TOKENIZER_CLASS_GEMMA,
    /* PreTrainedTokenizerFast: tokenizer.json as it stands; the settings only add tokens. */
    TOKENIZER_CLASS_FILE,
} tokenizer_class;

typedef struct side_file {
    char *path;
    json_t *root; /* an object, or NULL where the file is absent */
} side_file;

typedef struct side_files {
    side_file config, map, added, model; /* map, added: absent also where they do not count */
    const char *class_name;              /* as given, or NULL */
    tokenizer_class class;
} side_files;

/* Reads the files of `folder`, each of which may be absent. Whatever the result, release with side_files_free.
 * Errors: AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED, AKI_MODEL_NOT_FOUND (a link that leads nowhere), AKI_IO_ERROR,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status side_files_read(side_files *side, const char *folder, aki_error *error);
void side_files_free(side_files *side);

/* Refuses what counts only where a model has vocab.json and merges.txt in the place of tokenizer.json. Error:
 * AKI_MODEL_UNSUPPORTED. */
AKI_MUST_CHECK aki_status side_files_refuse_pair(const side_files *side, aki_error *error);

/* The file that decides `key`: special_tokens_map.json where it has the key, else tokenizer_config.json. */
const side_file *side_files_of(const side_files *side, const char *key);

/* The value of `key` in that file, or NULL. */
const json_t *side_files_get(const side_files *side, const char *key);

/* A boolean setting; *value is kept where it is absent or null. Error: AKI_MODEL_INVALID. */
AKI_MUST_CHECK aki_status side_files_bool(const side_files *side, const char *key, bool *value,
                                          aki_error *error);

/* True when the model is given the token types that a template says. */
bool side_files_pass_types(const side_files *side);

/* True where positions count from the text's beginning whatever padding stands before it, by the "model_type". */
bool side_files_relative(const side_files *side);

/* "truncation_side" or "padding_side"; *left is kept where the settings are silent. Error: AKI_MODEL_INVALID. */
AKI_MUST_CHECK aki_status side_files_side(const side_files *side, const char *key, bool *left,
                                          aki_error *error);

#endif
