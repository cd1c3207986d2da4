/* What the tokenizer knows about Unicode: tables generated from the `tokenizers` library itself, whose parts follow
 * different and partly old Unicode versions. That makes results the same on every machine, whatever Unicode version the
 * libraries installed there have. All tables ascend by code point; ranges are inclusive. */
#ifndef TOKENIZER_UNICODE_DATA_H
#define TOKENIZER_UNICODE_DATA_H

#include <stddef.h>
#include <stdint.h>

#define UNICODE_LIMIT ((uint32_t)0x110000)
#define UNICODE_SEQUENCE_MAX 4

typedef struct unicode_range {
    uint32_t first, last;
} unicode_range;

/* rank: order of the canonical combining class among all classes, from 1; class 0 is in no range. */
typedef struct unicode_class_range {
    uint32_t first, last;
    uint8_t rank;
} unicode_class_range;

/* Every step-th code point of the range has its lower case at code point + delta. */
typedef struct unicode_case_range {
    uint32_t first, last, step;
    int32_t delta;
} unicode_case_range;

/* to: ends at the first 0 or at UNICODE_SEQUENCE_MAX. */
typedef struct unicode_sequence {
    uint32_t from;
    uint32_t to[UNICODE_SEQUENCE_MAX];
} unicode_sequence;

/* Two characters that become one in composition. */
typedef struct unicode_composition {
    uint32_t first, second, result;
} unicode_composition;

/* Decomposition of a character: unicode_compatible_texts[start .. start + count). */
typedef struct unicode_compatible {
    uint32_t from;
    uint16_t start, count;
} unicode_compatible;

#define UNICODE_DECLARE(kind, name)                                                                          \
    extern const kind name[];                                                                                \
    extern const size_t name##_count;

UNICODE_DECLARE(unicode_range, unicode_removed)     /* deleted by clean_text, even where also a space */
UNICODE_DECLARE(unicode_range, unicode_spaces)      /* White_Space */
UNICODE_DECLARE(unicode_range, unicode_chinese)     /* set apart by handle_chinese_chars */
UNICODE_DECLARE(unicode_range, unicode_punctuation) /* a word of its own */
UNICODE_DECLARE(unicode_range, unicode_nonspacing)  /* general category Mn: deleted by strip_accents */
UNICODE_DECLARE(unicode_range, unicode_word) /* \w of regular expressions: forbids single_word beside it */
UNICODE_DECLARE(unicode_class_range, unicode_combining)
UNICODE_DECLARE(unicode_case_range, unicode_lowercase)
UNICODE_DECLARE(unicode_sequence,
                unicode_lowercase_sequences)               /* where the lower case is several characters */
UNICODE_DECLARE(unicode_sequence, unicode_decompositions)  /* full canonical, Hangul syllables left out */
UNICODE_DECLARE(unicode_range, unicode_letters)            /* \p{L} of regular expressions */
UNICODE_DECLARE(unicode_range, unicode_numbers)            /* \p{N} */
UNICODE_DECLARE(unicode_range, unicode_marks)              /* \p{M} */
UNICODE_DECLARE(unicode_range, unicode_digits)             /* what the Digits pre-tokenizer cuts at */
UNICODE_DECLARE(unicode_composition, unicode_compositions) /* by first, then second */
/* Full compatibility decomposition, where it is another than the canonical one. */
UNICODE_DECLARE(unicode_compatible, unicode_compatibles)
UNICODE_DECLARE(uint32_t, unicode_compatible_texts)

#endif
