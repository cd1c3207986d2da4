#include "base/json_parse.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

/* How many bytes the parser is given at a time. */
#define READ_STEP ((size_t)16)
#define SMALL_BLOCK_BYTES ((size_t)4096)
/* Room for small blocks: more than READ_STEP bytes of the worst text ask for. */
#define SMALL_BLOCKS_BYTES ((size_t)48 << 10)
/* Memory that jansson takes per byte of text, for the worst of the texts in models' files: objects with a short key
 * and a number, a dozen bytes each. */
#define BYTES_PER_TEXT_BYTE ((size_t)16)
#define BLOCK_ALIGNMENT ((size_t)16)

/* One parse under way. */
typedef struct parse {
    const char *text; /* what is left of it */
    size_t length;
    bool lacked_memory;
    bool large_taken;
    size_t small_used;
    char *reserve; /* small blocks, then the large one */
    size_t reserve_bytes;
} parse;

static pthread_once_t wrap_once = PTHREAD_ONCE_INIT;
static atomic_bool wrapped;
static json_malloc_t allocate; /* these two are written once, by wrap_allocator */
static json_free_t release;
static _Thread_local parse *current;

/* A string's buffer doubles: it never asks for more than this. */
static bool size_large_block(size_t length, size_t *bytes)
{
    return size_mul(length, 2, bytes) && size_add(*bytes, SMALL_BLOCK_BYTES, bytes);
}

static void *take_reserve(parse *p, size_t size)
{
    size_t rounded = (size + BLOCK_ALIGNMENT - 1) & ~(BLOCK_ALIGNMENT - 1);
    if (size <= SMALL_BLOCK_BYTES) {
        if (rounded > SMALL_BLOCKS_BYTES - p->small_used)
            return NULL;
        p->small_used += rounded;
        return p->reserve + (p->small_used - rounded);
    }
    if (p->large_taken || size > p->reserve_bytes - SMALL_BLOCKS_BYTES)
        return NULL;
    p->large_taken = true;
    return p->reserve + SMALL_BLOCKS_BYTES;
}

static void *allocate_or_take_reserve(size_t size)
{
    void *block = allocate(size);
    if (block != NULL || current == NULL)
        return block;
    current->lacked_memory = true;
    return take_reserve(current, size);
}

static void release_unless_reserve(void *block)
{
    uintptr_t begin = current != NULL ? (uintptr_t)current->reserve : 0;
    if (current == NULL || (uintptr_t)block < begin || (uintptr_t)block >= begin + current->reserve_bytes)
        release(block);
}

static void wrap_allocator(void)
{
    json_get_alloc_funcs(&allocate, &release);
    json_set_alloc_funcs(allocate_or_take_reserve, release_unless_reserve);
    atomic_store(&wrapped, true);
}

void json_parse_wrap_allocator(void)
{
    pthread_once(&wrap_once, wrap_allocator);
}

/* The parser's input; it ends once memory ran out. */
static size_t read_on(void *buffer, size_t room, void *cookie)
{
    parse *p = cookie;
    size_t count = room < READ_STEP ? room : READ_STEP;
    if (count > p->length)
        count = p->length;
    if (p->lacked_memory)
        return 0;
    memcpy(buffer, p->text, count);
    p->text += count;
    p->length -= count;
    return count;
}

static json_t *parse_with_reserve(parse *p, size_t flags, json_error_t *reason)
{
    p->reserve = mem_alloc(p->reserve_bytes, 1);
    if (p->reserve == NULL) {
        p->lacked_memory = true;
        return NULL;
    }
    current = p;
    json_t *root = json_load_callback(read_on, p, flags, reason);
    if (p->lacked_memory && root != NULL) {
        json_decref(root);
        root = NULL;
    }
    current = NULL;
    mem_free(p->reserve);
    return root;
}

/* Parses without the allocator's wrapper, so nothing tells when an allocation fails. */
static json_t *parse_unguarded(parse *p, size_t flags, json_error_t *reason)
{
    size_t bytes;
    void *needed =
        size_mul(p->length, BYTES_PER_TEXT_BYTE, &bytes) && size_add(bytes, p->reserve_bytes, &bytes)
            ? mem_alloc(bytes, 1)
            : NULL;
    if (needed == NULL) {
        p->lacked_memory = true;
        return NULL;
    }
    __asm__ volatile("" : : "r"(needed) : "memory"); /* else the compiler removes both calls */
    mem_free(needed);
    return json_load_callback(read_on, p, flags, reason);
}

json_t *json_parse(const char *text, size_t length, size_t flags, json_error_t *reason, bool *lacked_memory)
{
    size_t large_bytes;
    parse p = {.text = text, .length = length};
    *lacked_memory = true;
    if (!size_large_block(length, &large_bytes) ||
        !size_add(large_bytes, SMALL_BLOCKS_BYTES, &p.reserve_bytes))
        return NULL;
    json_t *root =
        atomic_load(&wrapped) ? parse_with_reserve(&p, flags, reason) : parse_unguarded(&p, flags, reason);
    *lacked_memory = p.lacked_memory;
    return root;
}
