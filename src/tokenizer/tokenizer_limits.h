/* Every limit of the tokenizer; each is named in the error that reports it. */
#ifndef TOKENIZER_TOKENIZER_LIMITS_H
#define TOKENIZER_TOKENIZER_LIMITS_H

/* Of tokenizer.json, vocab.txt and tokenizer_config.json each. */
#define TOKENIZER_FILE_BYTES_MAX ((size_t)64 << 20)
/* A token of the vocabulary. Bounds the work per piece of a word: the longest of BERT has 18 characters. */
#define TOKENIZER_TOKEN_BYTES_MAX 1024
/* A token matched in the raw text ("[MASK]"). Bounds the work per place where one might begin. */
#define TOKENIZER_ADDED_TOKEN_BYTES_MAX 256
/* What a post-processor may put before and after the text, each. */
#define TOKENIZER_SPECIAL_TOKENS_MAX 16
/* Rows that the embedding table can have: ids are int32_t. */
#define TOKENIZER_VOCABULARY_MAX ((size_t)1 << 24)
/* Text normalised at a time: what a text that is cut costs at least. */
#define TOKENIZER_WINDOW_BYTES ((size_t)2048)

/* Most bytes that a normalizer may put in place of one match: bounds the growth of a text. */
#define TOKENIZER_REPLACEMENT_BYTES_MAX 256
/* Normalizers in a row, and pre-tokenizers. */
#define TOKENIZER_STAGES_MAX 8

#endif
