/* A tokenizer of stages: normalizers, pre-tokenizers and a Unigram or a BPE model, each read from tokenizer.json (definition.h).
 *
 * A stretch of text is normalised as a whole and then cut into pieces. Only where white space separates the words
 * whatever stands around it, is it taken a window at a time, so that a text that is cut costs no more than the part that
 * is kept. Const after building; each thread brings its own scratch. */
#ifndef TOKENIZER_STAGED_H
#define TOKENIZER_STAGED_H

#include "tokenizer/definition.h"

typedef struct staged {
    normal_stages normal;
    split_stages split;
    piece_model model;
    bool windows;
} staged;

/* A zeroed one is ready for use. */
typedef struct staged_scratch {
    buf normal[2];
    buf texts[TOKENIZER_STAGES_MAX];
    piece_scratch model;
} staged_scratch;

/* Takes the stages out of the definition. vocab: the tokens. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status staged_build(staged *stages, definition *def, const vocabulary *vocab,
                                       aki_error *error);
/* A zeroed one is allowed. */
void staged_free(staged *stages);

void staged_scratch_init(staged_scratch *scratch);
void staged_scratch_free(staged_scratch *scratch);

/* As normal_stages_run, with the scratch's buffers. */
bool staged_normalize(const staged *stages, staged_scratch *scratch, const char *text, size_t length,
                      const char **result, size_t *result_length);

/* Bytes of what text[0..length) becomes that stand for its first character, where it matters to a pre-tokenizer. */
size_t staged_first(const staged *stages, const char *text, size_t length);

/* Appends the ids of normalised text until there are stop_count. False = out of memory. */
bool staged_split(const staged *stages, staged_scratch *scratch, const word_classes *classes,
                  split_piece text, id_list *out, size_t stop_count);

/* Both, of text that is not normalised. text.first: 1 where it begins where the whole text begins, else 0. */
bool staged_encode(const staged *stages, staged_scratch *scratch, const word_classes *classes,
                   split_piece text, id_list *out, size_t stop_count);

#endif
