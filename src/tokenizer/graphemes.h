/* Extended grapheme clusters of UAX #29, as the library behind `tokenizers` cuts them: what its Precompiled normalizer
 * looks at as one. A class of each character comes from generated tables (grapheme_data.c); whether a character joins the
 * cluster before it is told from left to right in constant memory. */
#ifndef TOKENIZER_GRAPHEMES_H
#define TOKENIZER_GRAPHEMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A class: one of the first group, and bits of the second. */
#define GRAPHEME_OTHER 0U
#define GRAPHEME_CONTROL 1U
#define GRAPHEME_EXTEND 2U
#define GRAPHEME_REGIONAL 3U
#define GRAPHEME_PREPEND 4U
#define GRAPHEME_SPACING 5U
#define GRAPHEME_L 6U
#define GRAPHEME_V 7U
#define GRAPHEME_T 8U
#define GRAPHEME_LV 9U
#define GRAPHEME_LVT 10U
#define GRAPHEME_CR 11U
#define GRAPHEME_LF 12U
#define GRAPHEME_ZWJ 13U
#define GRAPHEME_BREAK_MASK 15U

#define GRAPHEME_PICTOGRAPH 16U
#define GRAPHEME_CONJUNCT_CONSONANT 32U
#define GRAPHEME_CONJUNCT_LINKER 64U
#define GRAPHEME_CONJUNCT_EXTEND 96U
#define GRAPHEME_CONJUNCT_MASK 96U
#define GRAPHEME_CLASS_MASK 127U

typedef struct grapheme_range {
    uint32_t first, last;
    uint32_t class;
} grapheme_range;

extern const grapheme_range grapheme_ranges[]; /* a character may be in several: their classes add up */
extern const size_t grapheme_ranges_count;

/* Adds the classes to values[UNICODE_LIMIT], whose bits of GRAPHEME_CLASS_MASK must be 0. */
void grapheme_classes_add(uint32_t *values);

/* State of the cluster that is still open. */
typedef struct grapheme_cluster {
    uint32_t last;    /* GRAPHEME_BREAK_MASK of the last character */
    bool pictograph;  /* a pictograph, then only Extend */
    bool joined;      /* such, then ZWJ */
    bool regional;    /* an odd number of regional indicators */
    uint8_t conjunct; /* 1: a consonant is open, 2: with a linker */
} grapheme_cluster;

/* A cluster that begins with a character of this class. */
grapheme_cluster grapheme_begin(uint32_t class);
/* True, and the cluster goes on, when a character of this class belongs to it. */
bool grapheme_joins(grapheme_cluster *cluster, uint32_t class);

#endif
