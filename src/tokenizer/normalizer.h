/* BERT's normalizer as in `tokenizers`: clean the text, set Chinese characters apart, decompose and drop accents, lower
 * the case, each step by a flag.
 *
 * The four steps look at single characters only, but for the canonical ordering of marks after decomposition. So what
 * becomes of each character under the flags at hand is worked out once, when the normalizer is built, and a text takes
 * one pass with one look-up per character. Marks that survive are held back until the next character that does not
 * change places, then written in order of their class.
 *
 * A normalizer is const after building. A text may be given in several pieces cut between characters; the state carries
 * the marks held back from one piece to the next. Time and memory are linear in the text. */
#ifndef TOKENIZER_NORMALIZER_H
#define TOKENIZER_NORMALIZER_H

#include "base/buf.h"
#include "tokenizer/char_table.h"

typedef struct normalizer_flags {
    bool clean_text;           /* drop control characters, make every white space U+0020 */
    bool handle_chinese_chars; /* a space before and after each */
    bool strip_accents;        /* canonical decomposition, then without nonspacing marks */
    bool lowercase;            /* full lower case of each character by itself */
} normalizer_flags;

typedef struct normalizer {
    char_table actions;  /* what to do with a character: normalizer.c */
    uint32_t *sequences; /* what some characters become: count, then that many elements */
    size_t sequences_length, sequences_capacity;
    uint8_t ascii[128]; /* what an ASCII character becomes; 0x80 = nothing */
    bool lowercase;     /* the flag: all that it does to printable ASCII */
} normalizer;

typedef struct normalizer_state {
    uint32_t *marks; /* held back, in order of appearance: rank << 24 | code point */
    uint32_t *sorted;
    size_t count, capacity;
} normalizer_state;

/* false = out of memory, and the normalizer is empty. */
bool normalizer_build(normalizer *norm, normalizer_flags flags);
/* An empty (zeroed) normalizer is allowed. */
void normalizer_free(normalizer *norm);

/* Appends what text[0..length), valid UTF-8, becomes. false = out of memory. */
bool normalizer_run(const normalizer *norm, normalizer_state *state, const char *text, size_t length,
                    buf *out);
/* Ends a text: writes the marks held back. */
bool normalizer_finish(normalizer_state *state, buf *out);

/* A zeroed state is ready for use. */
void normalizer_state_free(normalizer_state *state);

#endif
