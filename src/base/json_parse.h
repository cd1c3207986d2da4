/* Parsing JSON with jansson, which by itself does not survive a lack of memory: when an allocation in its lexer
 * fails, a byte of a string is lost. Where that is the closing quote, jansson writes beyond the string's end.
 *
 * So the program wraps jansson's allocator (json_parse_wrap_allocator). An allocation that the system refuses during
 * a parse is served from a reserve that was set aside before. The parser is then told within the next READ_STEP bytes
 * that the text has ended, and the value built so far is dropped. The reserve holds one large block, for a string
 * that is still growing, and small blocks for what those few bytes can ask for besides. A second large block is
 * refused: it can only be for an array or an object, where jansson handles the failure.
 *
 * A library must not wrap the allocator, because its host may use jansson with an allocator of its own. Without the
 * wrapper each parse first allocates as much memory as it can need, and frees it. Where that fails the text is not
 * read at all. */
#ifndef BASE_JSON_PARSE_H
#define BASE_JSON_PARSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Wraps whichever allocator is set. For the program alone, once, before it has threads. A host that sets its own
 * allocator later removes the wrapper. */
void json_parse_wrap_allocator(void);

/* As json_loadb with `flags`. The caller owns the result. NULL: *lacked_memory says whether memory ran out; if it did not, the
 * text is not valid and *reason says why. Thread-safe. */
json_t *json_parse(const char *text, size_t length, size_t flags, json_error_t *reason, bool *lacked_memory);

#endif
