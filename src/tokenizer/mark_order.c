#include "tokenizer/mark_order.h"

void mark_order(const uint32_t *marks, size_t count, uint32_t *sorted)
{
    size_t start[257] = {0};
    for (size_t i = 0; i < count; i++)
        start[ELEMENT_RANK(marks[i]) + 1]++;
    for (size_t rank = 0; rank < 256; rank++)
        start[rank + 1] += start[rank];
    for (size_t i = 0; i < count; i++)
        sorted[start[ELEMENT_RANK(marks[i])]++] = marks[i];
}
