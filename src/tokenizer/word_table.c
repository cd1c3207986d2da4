#include "tokenizer/word_table.h"

#include "base/memory.h"

const unsigned char word_table_ones[2 * (WORD_TABLE_BYTES + 1)] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                                                   0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

bool word_table_init(word_table *table, size_t capacity)
{
    *table = (word_table){.shift = 60};
    size_t least; /* half of the slots are taken at most */
    if (!size_mul(capacity, 2, &least) || least > SIZE_MAX / 2)
        return false;
    while (((size_t)1 << (64 - table->shift)) < least)
        table->shift--;
    table->slots = mem_zalloc(((size_t)1 << (64 - table->shift)) + WORD_TABLE_PROBES, sizeof *table->slots);
    return table->slots != NULL;
}

void word_table_free(word_table *table)
{
    mem_free(table->slots);
    *table = (word_table){0};
}

void word_table_put(word_table *table, const char *word, size_t length, int32_t id)
{
    if (length == 0 || length > WORD_TABLE_BYTES)
        return;
    word_key key = word_key_copy(word, length);
    word_slot *slot = &table->slots[word_table_place(table, key)];
    for (size_t i = 0; i < WORD_TABLE_PROBES; i++, slot++)
        if (slot->high == 0) {
            *slot = (word_slot){key.low, key.high, id};
            return;
        }
}
