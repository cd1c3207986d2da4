/* The body of a request: from bytes to a JSON object. Refuses what is not UTF-8, JSON or an object, names the place, and
 * looks at the cost before it parses (json_cost_of, below). */
#ifndef API_BODY_H
#define API_BODY_H

#include "api/http_error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct body_shape {
    const char *text_field; /* the field with the list of texts, for messages */
    size_t max_texts;       /* for messages */
    size_t max_values;      /* JSON values in the whole body */
    bool item_errors;       /* "on_error":"item" lets a text that is not Unicode through, to fail alone */
} body_shape;

/* False with *error filled. The caller frees *root either way; the body may go at once. */
bool body_load(json_t **root, const char *body, size_t length, const body_shape *shape, http_error *error);

/* Numbers that JSON may have and a parser cannot hold: integers of more than 64 bits, reals beyond a double. The parser refuses the
 * whole text because of one, and does not say which field has it. With the nearest number that it can hold in its place, the field's own
 * limit refuses it, and a field that is ignored or has no limit takes it. */

/* A copy of the text, of the same length, in which each such number is the nearest one that fits. Linear in length. NULL = out of memory;
 * the caller frees it by mem_free. */
char *json_saturate(const char *text, size_t length);

/* A look over JSON text before it is parsed, so that a body cannot cost many times its size: a parser spends some
 * hundred bytes on each `[]`, a body may hold millions of them, and no valid request does. */

typedef struct json_cost {
    size_t values; /* upper bound of the values: opening brackets and commas outside strings, plus one */
    size_t depth;  /* deepest nesting */
} json_cost;

/* Linear in length, allocates nothing, takes any bytes. Stops early once values exceed max_values. */
json_cost json_cost_of(const char *text, size_t length, size_t max_values);

#endif
