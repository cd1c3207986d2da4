/* Gives memory back to the system while its block stays allocated: for large buffers that are seldom needed whole. */
#ifndef BASE_DISCARD_H
#define BASE_DISCARD_H

#include <stddef.h>

/* Drops the pages that lie wholly inside `part` of a block of mem_alloc. Its contents are lost; pages that are touched again come
 * back as zeros. */
void mem_discard(void *part, size_t bytes);

#endif
