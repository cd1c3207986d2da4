#include "tokenizer/char_table.h"

#include "base/memory.h"

#include <string.h>

#define BLOCK_COUNT (UNICODE_LIMIT / CHAR_TABLE_BLOCK)
#define BLOCK_BYTES (CHAR_TABLE_BLOCK * sizeof(uint32_t))
#define BUCKETS 4096 /* power of two */
#define NONE UINT16_MAX

_Static_assert(BLOCK_COUNT < NONE, "block numbers must fit uint16_t");

static size_t bucket_of(const uint32_t *block)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < CHAR_TABLE_BLOCK; i++)
        hash = (hash ^ block[i]) * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(hash >> 52);
}

bool char_table_build(char_table *table, const uint32_t *values)
{
    *table = (char_table){0};
    uint16_t *first = mem_alloc(BUCKETS, sizeof *first);     /* newest block of each bucket */
    uint16_t *next = mem_alloc(BLOCK_COUNT, sizeof *next);   /* older block of the same bucket */
    uint16_t *source = mem_alloc(BLOCK_COUNT, sizeof *next); /* where in `values` a stored block came from */
    table->block_of = mem_alloc(BLOCK_COUNT, sizeof *table->block_of);
    size_t stored = 0;
    bool done = first != NULL && next != NULL && source != NULL && table->block_of != NULL;
    if (done) {
        memset(first, 0xFF, BUCKETS * sizeof *first);
        for (size_t i = 0; i < BLOCK_COUNT; i++) {
            const uint32_t *block = values + i * CHAR_TABLE_BLOCK;
            uint16_t *bucket = &first[bucket_of(block)], same = *bucket;
            while (same != NONE && memcmp(values + source[same] * CHAR_TABLE_BLOCK, block, BLOCK_BYTES) != 0)
                same = next[same];
            if (same == NONE) {
                same = (uint16_t)stored++;
                source[same] = (uint16_t)i;
                next[same] = *bucket;
                *bucket = same;
            }
            table->block_of[i] = same;
        }
        table->blocks = mem_alloc_aligned(stored, BLOCK_BYTES);
        done = table->blocks != NULL;
    }
    for (size_t i = 0; done && i < stored; i++)
        memcpy(table->blocks + i * CHAR_TABLE_BLOCK, values + source[i] * CHAR_TABLE_BLOCK, BLOCK_BYTES);
    mem_free(first);
    mem_free(next);
    mem_free(source);
    if (!done)
        char_table_free(table);
    return done;
}

void char_table_free(char_table *table)
{
    mem_free(table->block_of);
    mem_free(table->blocks);
    *table = (char_table){0};
}
