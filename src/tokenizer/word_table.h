/* From short words to ids: the tokens that are whole words of up to WORD_TABLE_BYTES bytes, which is most of what prose
 * is made of. A hash table whose keys are the words themselves, so that a look-up compares two numbers.
 *
 * A token whose neighbourhood in the table is full is left out, which bounds each look-up by WORD_TABLE_PROBES; whoever
 * asks must have another way to find it. Const after filling. */
#ifndef TOKENIZER_WORD_TABLE_H
#define TOKENIZER_WORD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WORD_TABLE_BYTES 11
#define WORD_TABLE_PROBES 8
#define WORD_TABLE_NONE (-1)

/* The word's bytes with zeros behind them; its length in the last byte, so that words ending in NUL differ. */
typedef struct word_key {
    uint64_t low;
    uint32_t high;
} word_key;

typedef struct word_slot {
    uint64_t low;
    uint32_t high; /* 0 = free */
    int32_t id;
} word_slot;

typedef struct word_table {
    word_slot *slots; /* [(1 << (64 - shift)) + WORD_TABLE_PROBES] */
    unsigned shift;
} word_table;

/* Room for `capacity` words. false = out of memory, and the table is empty. */
bool word_table_init(word_table *table, size_t capacity);
/* An empty (zeroed) table is allowed. */
void word_table_free(word_table *table);
/* Words of another length than 1 to WORD_TABLE_BYTES are left out; none may be given twice. */
void word_table_put(word_table *table, const char *word, size_t length, int32_t id);

/* Behind the first WORD_TABLE_BYTES + 1 bytes, zeros. */
extern const unsigned char word_table_ones[2 * (WORD_TABLE_BYTES + 1)];

/* word: WORD_TABLE_BYTES + 1 bytes may be read, of which length (1 to WORD_TABLE_BYTES) count. */
static inline word_key word_key_load(const char *word, size_t length)
{
    const unsigned char *ones = word_table_ones + WORD_TABLE_BYTES + 1 - length;
    const unsigned char tag[4] = {0, 0, 0, (unsigned char)length};
    uint64_t low, low_mask;
    uint32_t high, high_mask, length_tag;
    memcpy(&low, word, 8);
    memcpy(&high, word + 8, 4);
    memcpy(&low_mask, ones, 8);
    memcpy(&high_mask, ones + 8, 4);
    memcpy(&length_tag, tag, 4);
    return (word_key){low & low_mask, (high & high_mask) | length_tag};
}

/* The word's key, without reading any byte behind the word. */
static inline word_key word_key_copy(const char *word, size_t length)
{
    char bytes[WORD_TABLE_BYTES + 1] = {0};
    memcpy(bytes, word, length);
    return word_key_load(bytes, length);
}

static inline size_t word_table_place(const word_table *table, word_key key)
{
    uint64_t hash = (key.low ^ (uint64_t)key.high << 29) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)((hash ^ hash >> 32 ^ key.high) * UINT64_C(0xD6E8FEB86659FD93) >> table->shift);
}

/* The id, or WORD_TABLE_NONE. */
static inline int32_t word_table_get(const word_table *table, word_key key)
{
    const word_slot *slot = &table->slots[word_table_place(table, key)];
    for (size_t i = 0; i < WORD_TABLE_PROBES; i++, slot++) {
        if (slot->low == key.low && slot->high == key.high)
            return slot->id;
        if (slot->high == 0)
            break;
    }
    return WORD_TABLE_NONE;
}

#endif
