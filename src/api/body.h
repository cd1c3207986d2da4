/* The body of a request: from bytes to a JSON object. Refuses what is not UTF-8, JSON or an object, names the place, and
 * looks at the cost before it parses (json_budget.h). */
#ifndef API_BODY_H
#define API_BODY_H

#include "api/http_error.h"

#include <jansson.h>

typedef struct body_shape {
    const char *text_field; /* the field with the list of texts, for messages */
    size_t max_texts;       /* for messages */
    size_t max_values;      /* JSON values in the whole body */
    bool item_errors;       /* "on_error":"item" lets a text that is not Unicode through, to fail alone */
} body_shape;

/* False with *error filled. The caller frees *root either way; the body may go at once. */
bool body_load(json_t **root, const char *body, size_t length, const body_shape *shape, http_error *error);

#endif
