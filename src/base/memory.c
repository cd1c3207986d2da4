#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE_BYTES ((size_t)2 << 20)

void *mem_alloc(size_t count, size_t size)
{
    size_t bytes;
    if (!size_mul(count, size, &bytes))
        return NULL;
    return malloc(bytes > 0 ? bytes : 1);
}

void *mem_zalloc(size_t count, size_t size)
{
    return count > 0 && size > 0 ? calloc(count, size) : calloc(1, 1);
}

void *mem_realloc(void *block, size_t count, size_t size)
{
    size_t bytes;
    if (!size_mul(count, size, &bytes))
        return NULL;
    return realloc(block, bytes > 0 ? bytes : 1);
}

void *mem_alloc_aligned(size_t count, size_t size)
{
    size_t bytes;
    if (!size_mul(count, size, &bytes))
        return NULL;
    size_t alignment = bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : MEMORY_ALIGNMENT;
    void *block = NULL;
    if (posix_memalign(&block, alignment, bytes > 0 ? bytes : 1) != 0)
        return NULL;
    if (bytes >= HUGE_PAGE_BYTES)
        (void)madvise(block, bytes - bytes % HUGE_PAGE_BYTES,
                      MADV_HUGEPAGE); /* a wish: refusal costs speed only */
    return block;
}

void *mem_zalloc_aligned(size_t count, size_t size)
{
    void *block = mem_alloc_aligned(count, size);
    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}

char *mem_copy_text(const char *text, size_t length)
{
    if (length == SIZE_MAX)
        return NULL;
    char *copy = mem_alloc(length + 1, 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *mem_copy_string(const char *text)
{
    return mem_copy_text(text, strlen(text));
}

void mem_free(void *block)
{
    free(block);
}
