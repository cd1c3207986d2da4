/* Numbers that JSON may have and a parser cannot hold: integers of more than 64 bits, reals beyond a double. The parser refuses the
 * whole text because of one, and does not say which field has it. With the nearest number that it can hold in its place, the field's own
 * limit refuses it, and a field that is ignored or has no limit takes it. */
#ifndef API_JSON_SATURATE_H
#define API_JSON_SATURATE_H

#include <stddef.h>

/* A copy of the text, of the same length, in which each such number is the nearest one that fits. Linear in length. NULL = out of memory;
 * the caller frees it by mem_free. */
char *json_saturate(const char *text, size_t length);

#endif
