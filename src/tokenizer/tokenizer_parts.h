/* The inside of a tokenizer, for the files that implement it (tokenizer.c, token_pair.c, offsets.c). */
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
    pair_ids pair;
    const struct token_pair_frame *frame; /* around the texts of a pair; NULL = none */
    token_decoder decoder;
    bool truncate_left; /* a text that is cut keeps its end */
    /* Of a static model: */
    size_t most_tokens; /* that tokenizer.json says; 0 = none */
    bool drops_unknown;
    int32_t unknown;    /* the id of tokens that are left out; -1 = none */
    size_t token_chars; /* the tokens' median; a text is cut to as many for each token of the limit */
};

struct tokenizer_scratch {
    id_list ids;
    id_list first, second; /* of a pair, without special tokens */
    buf normal;            /* normalised text, from the open word on */
    normalizer_state marks;
    staged_scratch stages;
};

/* AKI_OK or AKI_INVALID_UTF8. */
aki_status tokenizer_check_text(aki_text text, aki_error *error);
/* Appends the text's ids without special tokens to `out`, until there are stop_count or a few more. False = out of memory. */
bool tokenizer_encode_content(const tokenizer *tok, tokenizer_scratch *scratch, aki_text text,
                              size_t stop_count, id_list *out);
/* False = out of memory. */
bool tokenizer_append_special(id_list *list, const special_ids *special);

#endif
