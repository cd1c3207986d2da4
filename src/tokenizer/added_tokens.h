/* Tokens found in the text as a whole before it is cut into words ("[MASK]"), as `tokenizers` does: from left to right, the
 * longest that begins at a place; what is between them is text. There are two sets, for the raw and for the normalised
 * text. Const after filling; a search is linear in the text times the longest token, of which only places that can begin
 * a token pay. */
#ifndef TOKENIZER_ADDED_TOKENS_H
#define TOKENIZER_ADDED_TOKENS_H

#include "tokenizer/token_index.h"
#include "tokenizer/word_splitter.h"

typedef struct added_token {
    int32_t id;
    bool single_word; /* not where a \w character is beside it */
    bool strip_left;  /* takes the white space before it */
    bool strip_right; /* takes the white space after it */
} added_token;

typedef struct added_tokens {
    token_index index;   /* value: position in `tokens` */
    added_token *tokens; /* [count] */
    size_t count;
    bool begins[256];         /* bytes that a token begins with */
    int only_begin;           /* the one such byte, or -1 */
    uint8_t pairs[65536 / 8]; /* bit first << 8 | second: a token may begin with these two bytes */
} added_tokens;

/* false = out of memory. */
bool added_tokens_init(added_tokens *set, size_t capacity);
/* An empty (zeroed) set is allowed. */
void added_tokens_free(added_tokens *set);
/* text: not copied. false = already there. */
bool added_tokens_put(added_tokens *set, const char *text, size_t length, added_token token);

#define ADDED_TOKENS_TEXT (-1)

typedef struct added_tokens_cursor {
    const added_tokens *set;
    const word_classes *classes;
    const char *text;
    size_t length;
    size_t search_at;   /* where the search for the next token goes on */
    size_t text_at;     /* where the text not yet handed out begins */
    int32_t pending_id; /* token to hand out next, or ADDED_TOKENS_TEXT */
} added_tokens_cursor;

typedef struct added_tokens_piece {
    int32_t id; /* or ADDED_TOKENS_TEXT: then the bytes from start to end, at least one */
    size_t start, end;
} added_tokens_piece;

added_tokens_cursor added_tokens_search(const added_tokens *set, const word_classes *classes,
                                        const char *text, size_t length);
/* false = the end. */
bool added_tokens_next(added_tokens_cursor *cursor, added_tokens_piece *piece);

#endif
