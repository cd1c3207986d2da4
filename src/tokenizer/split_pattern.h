/* The regular expressions by which byte-level tokenizers cut a text into pieces: GPT-2's, Qwen2's, Qwen3.5's and
 * Llama 3's, which is cl100k's as well. They are known by their text and matched by hand, in time linear in the text; each
 * matches everywhere, so that the pieces are the whole text. */
#ifndef TOKENIZER_SPLIT_PATTERN_H
#define TOKENIZER_SPLIT_PATTERN_H

#include "tokenizer/word_splitter.h"

#define SPLIT_PATTERN_GPT2                                                                                   \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define SPLIT_PATTERN_QWEN2                                                                                  \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"      \
    "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

typedef struct split_pattern {
    const char *text;
    /* than GPT-2's: any case in 's, a sign goes with the letters behind it, line ends with what is before */
    bool newer;
    unsigned numbers; /* how many make a piece; 0 = any, with a space before them */
    uint32_t letters; /* classes that words are made of */
} split_pattern;

/* NULL = another pattern than these. */
const split_pattern *split_pattern_find(const char *text);

/* Length of the piece that text[0..length), length >= 1, begins with. */
size_t split_pattern_piece(const split_pattern *pattern, const word_classes *classes, const char *text,
                           size_t length);

#endif
