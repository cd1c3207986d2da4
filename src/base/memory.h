/* Allocation with checked sizes. All of the project's heap use goes through here (third-party libraries apart), so that
 * tests can bend it. Zero-sized requests return a valid pointer. Nothing here logs or aborts: NULL means out of memory
 * or a product that does not fit size_t. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define MEMORY_ALIGNMENT 64

/* count * size bytes, uninitialised / zeroed. Freed by mem_free. */
void *mem_alloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
void *mem_zalloc(size_t count, size_t size) __attribute__((malloc, warn_unused_result));

/* As realloc with a checked product; on NULL the old block is untouched. */
void *mem_realloc(void *block, size_t count, size_t size) __attribute__((warn_unused_result));

/* Aligned to MEMORY_ALIGNMENT, uninitialised. Freed by mem_free. Blocks of 2 MiB and more ask for huge pages. */
void *mem_alloc_aligned(size_t count, size_t size) __attribute__((malloc, warn_unused_result));
/* Zeroed memory aligned as the type asks: for structs whose members have a cache line each, which mem_zalloc does not
 * align. */
void *mem_zalloc_aligned(size_t count, size_t size) __attribute__((malloc, warn_unused_result));

/* NUL-terminated copy of `length` bytes, or of a string. */
char *mem_copy_text(const char *text, size_t length) __attribute__((malloc, warn_unused_result));
char *mem_copy_string(const char *text) __attribute__((malloc, warn_unused_result));

/* NULL allowed. */
void mem_free(void *block);

/* *product = a * b; false when it does not fit. */
static inline bool size_mul(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* *sum = a + b; false when it does not fit. */
static inline bool size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

#endif
