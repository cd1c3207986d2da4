/* The inside of a tokenizer, for the files that implement it (tokenizer.c, offsets.c). */
#ifndef TOKENIZER_TOKENIZER_PARTS_H
#define TOKENIZER_TOKENIZER_PARTS_H

#include "tokenizer/definition.h"
#include "tokenizer/staged.h"
#include "tokenizer/tokenizer.h"

struct tokenizer {
    vocabulary vocab;
    word_classes classes;
    definition_model kind;
    normalizer norm; /* WordPiece's */
    wordpiece model;
    size_t prefix_length; /* of tokens that continue a word */
    staged stages;        /* Unigram's and BPE's */
    added_tokens raw, normalized;
    buf *normalized_texts; /* [normalized.count], what `normalized` points to */
    special_ids before, after;
    token_decoder decoder;
    bool truncate_left; /* a text that is cut keeps its end */
};

#endif
