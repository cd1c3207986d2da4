/* What the normalizer does with one character, packed into 32 bits: kind in the low three, an operand above. Shared by
 * the building of the table and the pass over a text. */
#ifndef TOKENIZER_NORMALIZER_ACTION_H
#define TOKENIZER_NORMALIZER_ACTION_H

#include "tokenizer/mark_order.h"
#include "tokenizer/unicode_data.h"

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

/* Elements of sequences and marks held back are those of mark_order.h; one more stands where marks must not pass. */
#define ELEMENT_BARRIER ELEMENT(255, 0)
/* The longest: a decomposed Chinese character between two spaces. */
#define SEQUENCE_ELEMENTS_MAX (UNICODE_SEQUENCE_MAX * UNICODE_SEQUENCE_MAX + 2)

#define HANGUL_FIRST ((uint32_t)0xAC00)
#define HANGUL_LAST ((uint32_t)0xD7A3)

#endif
