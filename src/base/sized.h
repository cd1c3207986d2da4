/* Structs that a caller may have in another size than the library has: from an older header, or a newer one. */
#ifndef BASE_SIZED_H
#define BASE_SIZED_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Fills the caller's [size] bytes with the library's own [own_size], and zeros behind. */
static inline void sized_put(void *to, size_t size, const void *own, size_t own_size)
{
    memcpy(to, own, size < own_size ? size : own_size);
    if (size > own_size)
        memset((char *)to + own_size, 0, size - own_size);
}

/* Overwrites the first bytes of the library's struct, which has its defaults, with the caller's. False: the caller's has bytes behind
 * it that are not zero: a setting that the library does not know. */
static inline bool sized_take(void *own, size_t own_size, const void *from, size_t size)
{
    const unsigned char *bytes = from;
    for (size_t i = own_size; i < size; i++)
        if (bytes[i] != 0)
            return false;
    memcpy(own, from, size < own_size ? size : own_size);
    return true;
}

#endif
