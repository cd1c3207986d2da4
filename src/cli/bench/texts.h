/* The texts that `bench` embeds: cut from built-in prose to a wanted number of tokens, or the lines of a file.
 *
 * A text of wanted length is a run of the prose's words. BERT's tokenizers split at white space first, so a text has as
 * many tokens as its words have alone, and lengths come out exactly: a word with too many tokens for the rest is left
 * out, and the next one that fits is taken. */
#ifndef CLI_BENCH_TEXTS_H
#define CLI_BENCH_TEXTS_H

#include "akidb/embed.h"
#include "base/buf.h"
#include "cli/line_source.h"

/* Of a larger file only the beginning is used. */
#define BENCH_CORPUS_MAX_TEXTS ((size_t)65536)
#define BENCH_CORPUS_MAX_BYTES ((size_t)64 << 20)

typedef struct bench_texts {
    buf bytes;        /* the texts end to end */
    aki_text *texts;  /* [count]; they point into `bytes` */
    uint32_t *tokens; /* [count]: special tokens included, cut at the model's limit */
    size_t count, capacity;
    size_t turn; /* so many texts in a row have the mean length of all; 1 = any number */
    uint64_t total_tokens;
} bench_texts;

typedef struct bench_word {
    const char *data;
    size_t length; /* bytes */
    size_t tokens; /* special tokens not included */
} bench_word;

/* Appends words with `wanted` tokens in all, from words[*next] on in a circle, and moves *next behind the last word that
 * was used. Returns the tokens appended: fewer than wanted only when no word of the rest of the circle fits. */
size_t bench_cut(buf *out, const bench_word *words, size_t count, size_t *next, size_t wanted);

/* Fills an empty *out with texts of lengths[0 .. length_count) tokens in turn, special tokens included, until there are
 * total_tokens; whole turns, at least one. Errors: AKI_INVALID_ARGUMENT (a length that leaves no room beside the special
 * tokens), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status bench_texts_cut(bench_texts *out, const aki_model *model, const size_t *lengths,
                                          size_t length_count, size_t total_tokens, aki_error *error);

/* Fills an empty *out with the lines of a file; empty ones are left out. Errors: those of reading and of aki_tokenize,
 * AKI_INVALID_ARGUMENT (no text in the file), AKI_CANCELLED (the source's stop descriptor). */
AKI_MUST_CHECK aki_status bench_texts_read(bench_texts *out, const aki_model *model, line_source *source,
                                           aki_error *error);

/* A zeroed struct is allowed. */
void bench_texts_free(bench_texts *texts);

/* English prose: what an engine meets in real text (words of one token and of several, punctuation, numbers), which zeros or one
 * repeated sentence would not show. Written for this purpose; in prose.c. Sentences in the order they are read, ended by NULL.
 * Words are separated by single spaces. */
extern const char *const bench_prose[];

#endif
