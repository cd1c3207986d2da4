/* One 32-bit value for every Unicode code point, in two steps: code point → block → value. Equal blocks are stored once,
 * so that the tables of this room take some 100 KiB and a look-up is two loads.
 *
 * Built from a flat array of UNICODE_LIMIT values that the caller fills and keeps. */
#ifndef TOKENIZER_CHAR_TABLE_H
#define TOKENIZER_CHAR_TABLE_H

#include "tokenizer/unicode_data.h"

#include <stdbool.h>

#define CHAR_TABLE_BLOCK_BITS 7
#define CHAR_TABLE_BLOCK ((size_t)1 << CHAR_TABLE_BLOCK_BITS)

typedef struct char_table {
    uint16_t *block_of; /* [UNICODE_LIMIT / CHAR_TABLE_BLOCK] */
    uint32_t *blocks;   /* [number of different blocks][CHAR_TABLE_BLOCK] */
} char_table;

/* values: [UNICODE_LIMIT]. false = out of memory, and the table is empty. */
bool char_table_build(char_table *table, const uint32_t *values);
/* An empty (zeroed) table is allowed. */
void char_table_free(char_table *table);

static inline uint32_t char_table_get(const char_table *table, uint32_t code_point)
{
    size_t block = table->block_of[code_point >> CHAR_TABLE_BLOCK_BITS];
    return table->blocks[(block << CHAR_TABLE_BLOCK_BITS) + (code_point & (CHAR_TABLE_BLOCK - 1))];
}

#endif
