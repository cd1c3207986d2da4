#include "tokenizer/token_index.h"

#include "base/memory.h"
#include "tokenizer/tokenizer_limits.h"

#include <string.h>

typedef struct token_slot {
    uint32_t tag;   /* part of the hash that the slot's number does not contain */
    uint32_t entry; /* number of the entry + 1; 0 = free */
} token_slot;

#define HASH_SEED UINT64_C(0x51ED270B9F3A7C2D)

/* The product's high bits depend on every byte so far: they choose the slot. */
static inline uint64_t hash_step(uint64_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * UINT64_C(0x9E3779B97F4A7C15);
}

static inline uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 8);
}

/* Two more of the hash's high bits than choose the slot. */
static inline uint64_t filter_place(const token_index *index, uint64_t hash)
{
    return hash >> (index->shift - 2);
}

static inline bool may_be_there(const token_index *index, uint64_t hash)
{
    const uint64_t place = filter_place(index, hash);
    return index->filter[place / 64] >> place % 64 & 1;
}

bool token_index_init(token_index *index, size_t capacity)
{
    *index = (token_index){.capacity = capacity, .shift = 60};
    while (((size_t)1 << (64 - index->shift)) < 2 * capacity)
        index->shift--;
    index->slots = mem_zalloc((size_t)1 << (64 - index->shift), sizeof *index->slots);
    index->entries = mem_alloc(capacity, sizeof *index->entries);
    index->filter = mem_zalloc(((size_t)1 << (64 - index->shift)) * 4 / 64, sizeof *index->filter);
    if (index->slots == NULL || index->entries == NULL || index->filter == NULL) {
        token_index_free(index);
        return false;
    }
    return true;
}

void token_index_free(token_index *index)
{
    mem_free(index->slots);
    mem_free(index->filter);
    mem_free(index->entries);
    *index = (token_index){0};
}

/* The slot that holds the text, or the free one where it would go. At most half of the slots are taken. */
static inline token_slot *find_slot(const token_index *index, uint64_t hash, const char *text, size_t length)
{
    size_t mask = ((size_t)1 << (64 - index->shift)) - 1;
    for (size_t i = (size_t)(hash >> index->shift);; i = (i + 1) & mask) {
        token_slot *slot = &index->slots[i];
        if (slot->entry == 0)
            return slot;
        if (slot->tag != tag_of(hash))
            continue;
        const token_entry *entry = &index->entries[slot->entry - 1];
        if (entry->length == length && memcmp(entry->text, text, length) == 0)
            return slot;
    }
}

static uint64_t hash_of(const char *text, size_t length)
{
    uint64_t hash = HASH_SEED;
    for (size_t i = 0; i < length; i++)
        hash = hash_step(hash, text[i]);
    return hash;
}

bool token_index_add(token_index *index, const char *text, size_t length, int32_t value)
{
    uint64_t hash = hash_of(text, length);
    token_slot *slot = find_slot(index, hash, text, length);
    if (slot->entry != 0)
        return false;
    index->entries[index->count++] = (token_entry){text, (uint32_t)length, value};
    *slot = (token_slot){tag_of(hash), (uint32_t)index->count};
    index->filter[filter_place(index, hash) / 64] |= UINT64_C(1) << filter_place(index, hash) % 64;
    if (length > index->longest)
        index->longest = length;
    index->lengths |= UINT64_C(1) << (length < 63 ? length : 63);
    return true;
}

int32_t token_index_find(const token_index *index, const char *text, size_t length)
{
    if (length == 0 || length > index->longest)
        return TOKEN_INDEX_NONE;
    const uint64_t hash = hash_of(text, length);
    if (!may_be_there(index, hash))
        return TOKEN_INDEX_NONE;
    const token_slot *slot = find_slot(index, hash, text, length);
    return slot->entry != 0 ? index->entries[slot->entry - 1].value : TOKEN_INDEX_NONE;
}

int32_t token_index_longest(const token_index *index, const char *text, size_t length, size_t *matched)
{
    uint64_t hashes[TOKENIZER_TOKEN_BYTES_MAX];
    size_t limit = length < index->longest ? length : index->longest;
    uint64_t hash = HASH_SEED;
    for (size_t i = 0; i < limit; i++)
        hashes[i] = hash = hash_step(hash, text[i]);
    for (size_t end = limit; end > 0; end--) {
        if ((index->lengths >> (end < 63 ? end : 63) & 1) == 0)
            continue;
        if (end < length && ((unsigned char)text[end] & 0xC0) == 0x80)
            continue; /* inside a character: no entry ends here */
        const token_slot *slot = find_slot(index, hashes[end - 1], text, end);
        if (slot->entry != 0) {
            *matched = end;
            return index->entries[slot->entry - 1].value;
        }
    }
    return TOKEN_INDEX_NONE;
}
