/* Parsing JSON with jansson, which by itself does not bear want of memory: a failed allocation in its lexer leaves a byte of
 * a string out, and where that is the closing quote it writes beyond the string's end.
 *
 * So the program wraps its allocator (json_parse_wrap_allocator). What the system refuses during a parse comes from a reserve that
 * was set aside before, and the text ends for the parser within the next READ_STEP bytes; whatever it has built by then is
 * dropped. The reserve holds one large block, for the growth of a string that is being read, and small ones for what so few
 * bytes can ask for besides. A second large block is refused: it can only be of an array or an object, where jansson bears
 * it.
 *
 * A library must not do that to its host, which may use jansson with an allocator of its own. Without the wrapper a parse first
 * asks for as much memory at once as it takes, and gives it back; where that is refused the text is not read at all. */
#ifndef BASE_JSON_PARSE_H
#define BASE_JSON_PARSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Around whichever allocator is set. For the program alone, before it has threads; once does it. A host that sets its own
 * allocator later takes the wrapper out. */
void json_parse_wrap_allocator(void);

/* As json_loadb with `flags`. The caller owns the result. NULL: *lacked_memory says whether memory ran out; if it did not, the
 * text is not valid and *reason says why. Thread-safe. */
json_t *json_parse(const char *text, size_t length, size_t flags, json_error_t *reason, bool *lacked_memory);

#endif
