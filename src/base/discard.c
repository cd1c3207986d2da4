#include "base/discard.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void mem_discard(void *part, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)part;
    const uintptr_t first = (start + page - 1) / page * page, end = (start + bytes) / page * page;
    if (first < end) /* refusal costs memory only */
        (void)madvise((unsigned char *)part + (first - start), end - first, MADV_DONTNEED);
}
