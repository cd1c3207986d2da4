/* BERT's pre-tokenizer and the model behind it: cuts normalised text at white space (dropped) and around every punctuation
 * character (a word of its own), and turns each word into ids.
 *
 * Text may come in pieces cut between characters: a word that the last piece left open goes on in the next. The bytes of
 * an open word stay in the caller's buffer until it ends. Once a word has more characters than the model takes, its bytes
 * are no longer needed. */
#ifndef TOKENIZER_WORD_SPLITTER_H
#define TOKENIZER_WORD_SPLITTER_H

#include "base/utf8.h"
#include "tokenizer/char_table.h"
#include "tokenizer/wordpiece.h"

/* Bits of the values in the table of classes. */
#define CLASS_SPACE 1U
#define CLASS_PUNCTUATION 2U
#define CLASS_WORD 4U /* \w of regular expressions */
#define CLASS_LETTER 8U
#define CLASS_NUMBER 16U
#define CLASS_MARK 32U
#define CLASS_DIGIT 64U
#define CLASS_NEWLINE 128U /* CR and LF */

typedef struct word_classes {
    char_table table;
    uint8_t ascii[128]; /* CLASS_SPACE, CLASS_PUNCTUATION or 0: what ends a word */
    uint8_t ascii_all[128];
} word_classes;

/* false = out of memory, and the classes are empty. */
bool word_classes_build(word_classes *classes);
/* The class of the character that text begins with, and its length in bytes. */
static inline uint32_t word_classes_at(const word_classes *classes, const char *text, size_t *bytes)
{
    const unsigned char byte = (unsigned char)text[0];
    uint32_t code_point;
    *bytes = 1;
    if (byte < 0x80)
        return classes->ascii_all[byte];
    *bytes = utf8_decode(text, &code_point);
    return char_table_get(&classes->table, code_point);
}
/* Empty (zeroed) classes are allowed. */
void word_classes_free(word_classes *classes);

typedef struct id_list {
    int32_t *ids;
    size_t count, capacity;
} id_list;

/* Room for `more` ids, by new memory. false = out of memory. */
bool id_list_grow(id_list *list, size_t more);
/* Room for `more` ids. false = out of memory. */
static inline bool id_list_reserve(id_list *list, size_t more)
{
    return more <= list->capacity - list->count || id_list_grow(list, more);
}
void id_list_free(id_list *list);

typedef struct word_splitter {
    const word_classes *classes;
    const wordpiece *model;
    id_list *out;
    size_t stop_count; /* no further word is begun once `out` has this many ids */
    size_t word_start; /* where the open word begins, in the buffer; meaningless when chars is 0 */
    size_t chars;      /* characters of the open word, 0 = none is open */
} word_splitter;

/* Goes on with text[from..length), to its end or until stop_count is reached. false = out of memory. */
bool word_splitter_run(word_splitter *splitter, const char *text, size_t from, size_t length);
/* Ends the open word at `end`. false = out of memory. */
bool word_splitter_finish(word_splitter *splitter, const char *text, size_t end);

static inline bool word_splitter_stopped(const word_splitter *splitter)
{
    return splitter->out->count >= splitter->stop_count;
}

#endif
