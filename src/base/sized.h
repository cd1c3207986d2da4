/* Structs whose size in the caller differs from the size in the library, because the caller has an older or a newer
 * header. */
#ifndef BASE_SIZED_H
#define BASE_SIZED_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Copies the library's struct [own_size] to the caller's [size] bytes. What the caller's has beyond it is filled with
 * zeros. */
static inline void sized_put(void *to, size_t size, const void *own, size_t own_size)
{
    memcpy(to, own, size < own_size ? size : own_size);
    if (size > own_size)
        memset((char *)to + own_size, 0, size - own_size);
}

/* Overwrites the first bytes of the library's struct, which holds the defaults, with the caller's. False: the
 * caller's struct is longer and has nonzero bytes there, which means a setting that the library does not know. */
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
