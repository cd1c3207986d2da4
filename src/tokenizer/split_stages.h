/* The pre-tokenizers of tokenizer.json that cut a normalised text into the pieces that a Unigram or a BPE model takes, one
 * after another: WhitespaceSplit, Metaspace, Split, Digits, Punctuation and ByteLevel. (BERT's own, which WordPiece needs, is
 * word_splitter.h.) A pre-tokenizer is a kind in a file and a row in split_stages.c.
 *
 * Each stage hands the pieces that it makes to the next (split_run_piece), the last ones to the model. Const after
 * reading. */
#ifndef TOKENIZER_SPLIT_STAGES_H
#define TOKENIZER_SPLIT_STAGES_H

#include "tokenizer/bpe.h"
#include "tokenizer/split_pattern.h"
#include "tokenizer/tokenizer_limits.h"
#include "tokenizer/unigram.h"
#include "tokenizer/word_splitter.h"

#include <jansson.h>

/* Receiver of the pieces: one of the two. */
typedef struct piece_model {
    bool is_bpe;
    unigram unigram;
    bpe bpe;
} piece_model;

/* A zeroed one is ready for use. */
typedef struct piece_scratch {
    unigram_scratch unigram;
    bpe_scratch bpe;
} piece_scratch;

typedef struct split_run {
    const struct split_stages *stages;
    const word_classes *classes;
    const piece_model *model;
    piece_scratch *scratch;
    buf *texts; /* [TOKENIZER_STAGES_MAX]: each stage's own */
    id_list *out;
    size_t stop_count; /* no further piece is begun once `out` has this many ids */
} split_run;

typedef struct split_piece {
    const char *text; /* valid UTF-8, length >= 1 */
    size_t length;
    size_t room;  /* bytes that can be read from `text` on, `length` or more */
    size_t first; /* bytes that come from the very first character of the text, or 0 */
} split_piece;

/* The part of a piece from `start` to before `end`. */
static inline split_piece split_piece_part(split_piece whole, size_t start, size_t end)
{
    return (split_piece){whole.text + start, end - start, whole.room - start,
                         whole.first > start ? whole.first - start : 0};
}

typedef struct split_kind {
    const char *type; /* in tokenizer.json */
    /* Fills *data from the JSON object. path: the file, for messages. On failure nothing is left to free. */
    aki_status (*read)(void **data, const json_t *part, const char *path, aki_error *error);
    void (*free)(void *data);
    /* Hands what becomes of the piece to split_run_piece(run, stage + 1, …). False = out of memory. */
    bool (*run)(const void *data, split_run *run, size_t stage, split_piece piece);
    /* True when a space that follows another character than white space begins a piece, whatever stands before and behind
     * it, or none. NULL = never. */
    bool (*cuts_at_space)(const void *data);
    /* True when each piece goes on as it is. NULL = never. */
    bool (*idle)(const void *data);
} split_kind;

extern const split_kind split_whitespace, split_metaspace, split_split, split_digits, split_punctuation,
    split_byte_level;

typedef struct split_stages {
    struct {
        const split_kind *kind;
        void *data;
    } items[TOKENIZER_STAGES_MAX];
    size_t count;
} split_stages;

/* part: "pre_tokenizer" of tokenizer.json: null, one, or a Sequence of some. On failure *stages is empty. Errors:
 * AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED (names the type), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status split_stages_read(split_stages *stages, const json_t *part, const char *path,
                                            aki_error *error);
/* WhitespaceSplit, then Metaspace with U+2581, before each word or before none. False = out of memory, and *stages is
 * empty. */
bool split_stages_words(split_stages *stages, bool prefix);
/* Zeroed stages are allowed. */
void split_stages_free(split_stages *stages);

/* True when a piece ends before each space that follows another character than white space, whatever stands before and
 * behind it. */
bool split_stages_cut_at_space(const split_stages *stages);
/* True when ByteLevel is the last one; *last: it is not elsewhere. */
bool split_stages_byte_level(const split_stages *stages, bool *last);
/* True when it matters whether a piece is the first. */
bool split_stages_ask_first(const split_stages *stages);

/* Takes out the stages that do nothing. */
void split_stages_drop_idle(split_stages *stages);

static inline bool split_run_stopped(const split_run *run)
{
    return run->out->count >= run->stop_count;
}

/* Hands a piece to a stage, or behind the last one to the model. False = out of memory. */
static inline bool split_run_piece(split_run *run, size_t stage, split_piece piece)
{
    if (split_run_stopped(run))
        return true;
    if (stage < run->stages->count)
        return run->stages->items[stage].kind->run(run->stages->items[stage].data, run, stage, piece);
    return run->model->is_bpe ? bpe_encode(&run->model->bpe, &run->scratch->bpe, piece.text, piece.length,
                                           piece.room, run->out, run->stop_count)
                              : unigram_encode(&run->model->unigram, &run->scratch->unigram, piece.text,
                                               piece.length, piece.room, run->out);
}

/* Hands on the pieces of a pattern (split_pattern.h). False = out of memory. */
bool split_run_pattern(const split_pattern *pattern, split_run *run, size_t stage, split_piece piece);

/* Metaspace's settings; read by split_stages.c. */
typedef enum metaspace_prefix {
    METASPACE_ALWAYS,
    METASPACE_FIRST,
    METASPACE_NEVER,
} metaspace_prefix;

/* replacement: one character of valid UTF-8. NULL = out of memory. */
void *metaspace_new(const char *replacement, size_t length, metaspace_prefix prefix, bool split);
metaspace_prefix metaspace_prefix_of(const void *data);

#endif
