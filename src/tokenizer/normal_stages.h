/* The normalizers of tokenizer.json that are run one after another, each over the whole text: Precompiled, Replace, Strip,
 * Prepend, Lowercase, NFC, NFD, NFKC and NFKD. (BERT's own, which WordPiece needs, is normalizer.h.) A normalizer is a kind
 * in a file and a row in normal_stages.c.
 *
 * Const after reading. */
#ifndef TOKENIZER_NORMAL_STAGES_H
#define TOKENIZER_NORMAL_STAGES_H

#include "akidb/embed.h"
#include "base/buf.h"
#include "tokenizer/tokenizer_limits.h"

#include <jansson.h>

typedef struct normal_kind {
    const char *type; /* in tokenizer.json */
    /* Fills *data from the JSON object. path: the file, for messages. On failure nothing is left to free. */
    aki_status (*read)(void **data, const json_t *part, const char *path, aki_error *error);
    void (*free)(void *data);
    /* Appends what text[0..length), valid UTF-8, becomes. False = out of memory. */
    bool (*run)(const void *data, const char *text, size_t length, buf *out);
    /* True when a text may be cut before a space that follows an ASCII character: the parts become what the whole
     * becomes, and the second part still begins with the space. */
    bool (*cuts_at_space)(const void *data);
    /* How many bytes of what text[0..length) becomes stand for its first character, those that are dropped before it left
     * out. NULL: it is not known. */
    size_t (*first)(const void *data, const char *text, size_t length);
} normal_kind;

extern const normal_kind normal_precompiled, normal_replace, normal_strip, normal_prepend, normal_lowercase,
    normal_nfc, normal_nfd, normal_nfkc, normal_nfkd;

typedef struct normal_stages {
    struct {
        const normal_kind *kind;
        void *data;
    } items[TOKENIZER_STAGES_MAX];
    size_t count;
} normal_stages;

/* part: "normalizer" of tokenizer.json: null, one normalizer, or a Sequence of some. On failure *stages is empty. Errors:
 * AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED (names the type), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status normal_stages_read(normal_stages *stages, const json_t *part, const char *path,
                                             aki_error *error);
/* Zeroed stages are allowed. */
void normal_stages_free(normal_stages *stages);

/* Keeps the first Precompiled, if any, and no other. */
void normal_stages_keep_precompiled(normal_stages *stages);

/* True when the first character of what a text becomes stands for the text's first. */
bool normal_stages_keep_start(const normal_stages *stages);
/* How many bytes of what text[0..length), length >= 1, becomes stand for its first character. For stages that
 * normal_stages_keep_start is true of. */
size_t normal_stages_first(const normal_stages *stages, const char *text, size_t length);
bool normal_stages_cut_at_space(const normal_stages *stages);

/* Normalises text[0..length). *result points into the text or into one of the two buffers, and lives as long as they
 * do. False = out of memory. */
bool normal_stages_run(const normal_stages *stages, const char *text, size_t length, buf buffers[2],
                       const char **result, size_t *result_length);

#endif
