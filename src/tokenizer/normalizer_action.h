/* What the normalizer does with one character, packed into 32 bits: kind in the low three, an operand above. Shared by
 * the building of the table and the pass over a text. */
#ifndef TOKENIZER_NORMALIZER_ACTION_H
#define TOKENIZER_NORMALIZER_ACTION_H

#include <stddef.h>
#include <stdint.h>

#include "tokenizer/unicode_data.h"

/* Canonical order of combining marks. An element is a code point with the rank of its combining class in the top byte, 0 for
 * a character that keeps its place. */

#define ELEMENT(rank, code_point) ((uint32_t)(rank) << 24 | (code_point))
#define ELEMENT_RANK(element) ((element) >> 24)
#define ELEMENT_CODE_POINT(element) ((element)&0xFFFFFF)

/* sorted: [count], what marks[0..count) are in order of their rank. Stable, in linear time. */
void mark_order(const uint32_t *marks, size_t count, uint32_t *sorted);

typedef enum normalizer_kind {
    ACTION_COPY,     /* as it is */
    ACTION_DROP,     /* nothing */
    ACTION_BARRIER,  /* nothing, but marks do not change places across it: a dropped mark of class 0 */
    ACTION_MAP,      /* operand: another code point of class 0 */
    ACTION_ISOLATE,  /* as it is, with a space before and after */
    ACTION_MARK,     /* as it is, to be put in order; operand: rank of its class */
    ACTION_SEQUENCE, /* operand: index into normalizer.sequences */
    ACTION_HANGUL,   /* a syllable: its two or three jamo */
} normalizer_kind;

#define ACTION(kind, operand) ((uint32_t)(kind) | (uint32_t)(operand) << 3)
#define ACTION_KIND(action) ((normalizer_kind)((action)&7))
#define ACTION_OPERAND(action) ((action) >> 3)

/* Elements of sequences and marks held back are those of mark_order; one more stands where marks must not pass. */
#define ELEMENT_BARRIER ELEMENT(255, 0)
/* The longest: a decomposed Chinese character between two spaces. */
#define SEQUENCE_ELEMENTS_MAX (UNICODE_SEQUENCE_MAX * UNICODE_SEQUENCE_MAX + 2)

#define HANGUL_FIRST ((uint32_t)0xAC00)
#define HANGUL_LAST ((uint32_t)0xD7A3)

#endif
