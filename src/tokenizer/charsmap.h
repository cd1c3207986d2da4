/* SentencePiece's precompiled_charsmap, as tokenizer.json holds it in base64: a double-array trie (darts-clone) from
 * texts to replacements.
 *
 * `tokenizers` looks a text up by the shortest key that it begins with, and only looks up single characters and grapheme
 * clusters of less than CHARSMAP_CLUSTER_BYTES. So what the trie says about all of these is read out when the map is
 * built, and the trie, which comes from a file, is not needed afterwards: a text takes one look-up per character. The
 * walk through the trie checks every place and is bounded by the number of its units. Const after building. */
#ifndef TOKENIZER_CHARSMAP_H
#define TOKENIZER_CHARSMAP_H

#include "akidb/embed.h"
#include "tokenizer/char_table.h"
#include "tokenizer/token_index.h"

/* Clusters of so many bytes and more are replaced character by character. */
#define CHARSMAP_CLUSTER_BYTES ((size_t)6)

/* A character's value: its grapheme class (graphemes.h), then these. */
#define CHARSMAP_BEGINS 128U /* a key of several characters begins with it */
#define CHARSMAP_SHIFT 8     /* above: 0, or the number of its replacement + 1 */

typedef struct charsmap_text {
    uint32_t offset, length; /* in charsmap.texts */
} charsmap_text;

typedef struct charsmap {
    char_table characters;
    charsmap_text *replacements; /* [count] */
    size_t count;
    token_index clusters; /* keys of several characters; value: number of the replacement */
    char (*keys)[8];      /* their texts, zeros behind */
    char *texts;          /* the map's replacements, each ended by NUL */
    bool plain
        [128]; /* ASCII characters that stay where another ASCII character follows: only CR LF is one cluster */
    bool printable; /* all of ' ' to '~' are plain */
} charsmap;

/* base64: the value of "precompiled_charsmap"; path: the file, for messages. On failure the map is empty. Errors:
 * AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED (a replacement too long), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status charsmap_build(charsmap *map, const char *base64, size_t length, const char *path,
                                         aki_error *error);
/* A zeroed map is allowed. */
void charsmap_free(charsmap *map);

#endif
