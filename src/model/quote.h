/* Names and values out of untrusted files, made fit for messages: cut to a bound, without control characters. */
#ifndef MODEL_QUOTE_H
#define MODEL_QUOTE_H

#include <jansson.h>
#include <stddef.h>

#define QUOTE_MAX_BYTES 96 /* of the name; longer ones are cut and end in "..." */

typedef struct quote {
    char text[QUOTE_MAX_BYTES + sizeof "..."];
} quote;

/* name: valid UTF-8 of `length` bytes. Characters that base/utf8.h hides become '?'. The result stays valid UTF-8. */
quote quote_name(const char *name, size_t length);

/* A value as it would stand in a JSON file; a string is without its quotes. */
quote quote_json(const json_t *value);

#endif
