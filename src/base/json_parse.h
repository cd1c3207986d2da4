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

#include "akidb/embed.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Wraps whichever allocator is set. For the program alone, once, before it has threads. A host that sets its own
 * allocator later removes the wrapper. */
void json_parse_wrap_allocator(void);

/* As json_loadb with `flags`. The caller owns the result. NULL: *lacked_memory says whether memory ran out; if it did not, the
 * text is not valid and *reason says why. Thread-safe. */
json_t *json_parse(const char *text, size_t length, size_t flags, json_error_t *reason, bool *lacked_memory);

/* JSON files and the fields in them, read with jansson and with errors that name file, line and field. */

/* Parses the file's bytes (duplicate keys refused). On success the caller owns *out (json_decref). Where a whole number
 * is beyond 64 bits (tokenizer_config.json: "model_max_length": 10^30), all numbers of the file become reals;
 * json_field_size takes whole reals too. Errors: AKI_MODEL_NOT_FOUND, AKI_MODEL_INVALID (not JSON: with line and
 * column), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status json_file_read(const char *path, size_t max_bytes, json_t **out, aki_error *error);

/* Fields of an object. Where the key is absent (or null), *value keeps what it had; a value of the wrong type or out
 * of range is AKI_MODEL_INVALID, with `path` (the file) and the key in the message. */
AKI_MUST_CHECK aki_status json_field_size(const json_t *object, const char *path, const char *key,
                                          size_t minimum, size_t maximum, size_t *value, aki_error *error);
AKI_MUST_CHECK aki_status json_field_bool(const json_t *object, const char *path, const char *key,
                                          bool *value, aki_error *error);
AKI_MUST_CHECK aki_status json_field_number(const json_t *object, const char *path, const char *key,
                                            double minimum, double maximum, double *value, aki_error *error);
/* The string belongs to the object. */
AKI_MUST_CHECK aki_status json_field_string(const json_t *object, const char *path, const char *key,
                                            const char **value, aki_error *error);

#endif
