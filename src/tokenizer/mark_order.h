/* Canonical order of combining marks. An element is a code point with the rank of its combining class in the top byte, 0 for
 * a character that keeps its place. */
#ifndef TOKENIZER_MARK_ORDER_H
#define TOKENIZER_MARK_ORDER_H

#include <stddef.h>
#include <stdint.h>

#define ELEMENT(rank, code_point) ((uint32_t)(rank) << 24 | (code_point))
#define ELEMENT_RANK(element) ((element) >> 24)
#define ELEMENT_CODE_POINT(element) ((element)&0xFFFFFF)

/* sorted: [count], what marks[0..count) are in order of their rank. Stable, in linear time. */
void mark_order(const uint32_t *marks, size_t count, uint32_t *sorted);

#endif
