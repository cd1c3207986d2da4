/* Parsing JSON with jansson, which by itself does not bear want of memory: a failed allocation in its lexer leaves a byte of
 * a string out, and where that is the closing quote it writes beyond the string's end.
 *
 * So its allocator is wrapped. What the system refuses during a parse comes from a reserve that was set aside before, and the
 * text ends for the parser within the next READ_STEP bytes; whatever it has built by then is dropped. The reserve holds one
 * large block, for the growth of a string that is being read, and small ones for what so few bytes can ask for besides. A
 * second large block is refused: it can only be of an array or an object, where jansson bears it.
 *
 * The wrapper goes around whichever allocator is set at the first parse; a host program that sets its own later takes it
 * out. */
#ifndef BASE_JSON_PARSE_H
#define BASE_JSON_PARSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* As json_loadb with `flags`. The caller owns the result. NULL: *lacked_memory says whether memory ran out; if it did not, the
 * text is not valid and *reason says why. Thread-safe. */
json_t *json_parse(const char *text, size_t length, size_t flags, json_error_t *reason, bool *lacked_memory);

#endif
