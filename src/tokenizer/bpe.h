/* Byte pair encoding: a piece of text becomes a token per byte (byte-level, GPT-2's and its descendants') or per character
 * (SentencePiece's, Gemma's), and neighbours are merged by the table of merges (bpe_merges.h).
 *
 * A character without a token becomes a token per byte with byte_fallback, else the unknown token, else nothing. Short
 * pieces are kept in a cache. Where the model works on characters, a piece is cut before ASCII characters and U+2581, which
 * stands for a space, wherever no merge of the model joins them with what stands before them, but not between two letters or digits;
 * that changes no id, and words are then found in the cache. Const after building. */
#ifndef TOKENIZER_BPE_H
#define TOKENIZER_BPE_H

#include <stdint.h>

#include "akidb/embed.h"
#include "base/buf.h"
#include "tokenizer/bpe_merges.h"
#include "tokenizer/piece_cache.h"
#include "tokenizer/token_index.h"
#include "tokenizer/vocabulary.h"

/* The model's part of a definition. */
typedef struct bpe_settings {
    bpe_merge *merges; /* [merge_count] */
    size_t merge_count;
    int32_t unknown; /* id, or -1 */
    bool byte_level; /* the vocabulary is written in the alphabet of ByteLevel, below */
    bool byte_fallback;
    bool fuse_unknown;  /* neighbouring unknown characters are one token */
    bool ignore_merges; /* a piece that is a token is that token, whatever the merges say */
} bpe_settings;

/* The beginnings of a character where a piece may be cut: the ASCII characters, and U+2581. */
#define BPE_BEGIN_SPACE 128
#define BPE_BEGINS 129

typedef struct bpe {
    bpe_merges merges;
    /* by the text that they stand for; byte-level ones that stand for no bytes are left out */
    token_index tokens;
    token_index whole;     /* the tokens that a piece of their text becomes: with ignore_merges all of them */
    buf texts;             /* byte-level: what `tokens` points to */
    int32_t byte_ids[256]; /* of each byte; of "<0x00>" … where the model works on characters; or -1 */
    /* Symbols that have a number: bytes, or ASCII characters and, as BPE_BEGIN_SPACE, U+2581. -1 = it has no token. */
    int32_t single[256];
    bool joined[256][BPE_BEGINS]; /* [last byte of a character][of the next one]: no cut between the two */
    int32_t unknown;              /* or -1 */
    bool byte_level, byte_fallback, fuse_unknown, ignore_merges;
    uint64_t fingerprint; /* of all that decides the ids */
} bpe;

/* A zeroed one is ready for use; for any number of models, one after another. */
typedef struct bpe_scratch {
    int32_t *symbols; /* [capacity] */
    uint8_t *numbers; /* [capacity] of symbols in bpe.single */
    size_t capacity;
    bpe_merge_scratch merges;
    piece_cache cache;
} bpe_scratch;

/* Over the first `count` tokens of the vocabulary. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status bpe_build(bpe *model, const vocabulary *vocab, size_t count,
                                    const bpe_settings *settings, aki_error *error);
/* A zeroed model is allowed. */
void bpe_free(bpe *model);

/* Appends the ids of text[0..length), valid UTF-8, or of its beginning once there are stop_count. room: bytes that can be
 * read from `text` on, `length` or more; with PIECE_CACHE_ROOM it is faster. False = out of memory. */
bool bpe_encode(const bpe *model, bpe_scratch *scratch, const char *text, size_t length, size_t room,
                id_list *out, size_t stop_count);

void bpe_scratch_free(bpe_scratch *scratch);

/* The alphabet of byte-level tokenizers (GPT-2's): each byte is written as a character that is visible, so that a
 * vocabulary of bytes can stand in a file of text. Printable bytes of Latin-1 are themselves, the others follow from
 * U+0100 on: a space is U+0120. */

uint32_t byte_level_character(uint8_t byte);
/* The byte that the character stands for, or -1. */
int byte_level_byte(uint32_t code_point);

/* Appends the bytes of text[0..length), valid UTF-8. False where a character stands for no byte, or out of memory
 * (out->failed); `out` is then as before. */
bool byte_level_bytes(const char *text, size_t length, buf *out);

#endif
