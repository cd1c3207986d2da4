/* The tokens of a model by id: what the loaders fill and everything else reads. Ids are 0 … count - 1, each given exactly
 * once; texts are valid UTF-8. Texts stay where they are once the vocabulary is complete. */
#ifndef TOKENIZER_VOCABULARY_H
#define TOKENIZER_VOCABULARY_H

#include "akidb/embed.h"
#include "base/buf.h"

typedef struct vocabulary {
    buf texts;        /* one after another, each with a NUL */
    uint32_t *offset; /* [count] into texts, or UINT32_MAX while not given */
    uint32_t *length; /* [count] in bytes */
    size_t count, capacity;
    const char *path; /* the file it comes from, for messages; the caller's */
} vocabulary;

/* For `count` tokens from the file `path`. Errors: AKI_MODEL_INVALID (none, or more than `limit`), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status vocabulary_init(vocabulary *vocab, size_t count, size_t limit, const char *path,
                                          aki_error *error);
/* A zeroed vocabulary is allowed. */
void vocabulary_free(vocabulary *vocab);

/* Errors: AKI_MODEL_INVALID (id out of range or taken, text not UTF-8), AKI_MODEL_UNSUPPORTED (text too long),
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status vocabulary_put(vocabulary *vocab, int64_t id, const char *text, size_t length,
                                         aki_error *error);

/* Adds a token behind the others. The texts may move. Errors as vocabulary_put. */
AKI_MUST_CHECK aki_status vocabulary_append(vocabulary *vocab, const char *text, size_t length,
                                            aki_error *error);
/* Keeps the first `count` tokens. */
void vocabulary_cut(vocabulary *vocab, size_t count);

/* Adds a hint to an error that was just set (AKI_MODEL_INVALID) for ids that are missing, used twice or too high. The
 * hint does not suggest another download, which would bring the same file. Returns AKI_MODEL_INVALID. */
aki_status vocabulary_hint(aki_error *error);

/* id: given before. */
static inline const char *vocabulary_text(const vocabulary *vocab, int32_t id)
{
    return vocab->texts.data + vocab->offset[id];
}

#endif
