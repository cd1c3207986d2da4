/* From texts to values, with a look-up of the longest entry that a text begins with: what WordPiece and the search for
 * added tokens need. An open-addressing hash table of whole entries; the hash is computed byte by byte, so that one walk
 * over a text gives the hashes of all its prefixes, which are then tried from the longest down.
 *
 * Cost of a look-up: at most the longest entry's bytes. Entries are valid UTF-8, so that a match ends at a character's
 * end; texts are not copied and must outlive the index. Const after filling. */
#ifndef TOKENIZER_TOKEN_INDEX_H
#define TOKENIZER_TOKEN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_INDEX_NONE (-1)

typedef struct token_entry {
    const char *text;
    uint32_t length;
    int32_t value; /* >= 0 */
} token_entry;

typedef struct token_index {
    struct token_slot *slots; /* [1 << (64 - shift)] */
    /* four bits for a slot: 0 = no entry has such a hash. A cache holds them where it cannot hold the slots */
    uint64_t *filter;
    token_entry *entries; /* [capacity], in order of adding */
    size_t count, capacity;
    unsigned shift;
    size_t longest;   /* bytes of the longest entry */
    uint64_t lengths; /* bit n: there is an entry of n bytes; bit 63: of 63 or more */
} token_index;

/* Room for `capacity` entries. false = out of memory, and the index is empty. */
bool token_index_init(token_index *index, size_t capacity);
/* An empty (zeroed) index is allowed. */
void token_index_free(token_index *index);

/* text: 1 to TOKENIZER_TOKEN_BYTES_MAX bytes, valid UTF-8. At most `capacity` calls. false = already there (and left as
 * it was). */
bool token_index_add(token_index *index, const char *text, size_t length, int32_t value);

/* The value, or TOKEN_INDEX_NONE. */
int32_t token_index_find(const token_index *index, const char *text, size_t length);

/* The value of the longest entry that text[0..length) begins with, and its length in bytes; or TOKEN_INDEX_NONE. */
int32_t token_index_longest(const token_index *index, const char *text, size_t length, size_t *matched);

#endif
