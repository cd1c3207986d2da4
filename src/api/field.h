/* Readers of single JSON values that say in the error which field is at fault and of what type it should be. */
#ifndef API_FIELD_H
#define API_FIELD_H

#include "api/http_error.h"

#include <jansson.h>

/* "a list", "null"; "missing" for NULL: static storage. */
const char *field_type_name(const json_t *value);

/* The object's member; NULL where it is missing, or is null, which counts as left out. */
json_t *field_given(const json_t *object, const char *name);

/* Returns false, with the error set: `param` must be `wanted`, not what was found, which may be NULL. */
bool field_refuse_type(http_error *error, const char *param, const char *wanted, const json_t *found);

typedef struct field_choice {
    const char *name;
    int value;
} field_choice;

/* One of `choices` (ended by a NULL name); `listed` says them in the message. */
bool field_read_choice(const json_t *value, const char *param, const field_choice *choices,
                       const char *listed, int *out, http_error *error);
/* As field_read_choice, but "FLOAT" counts as "float". */
bool field_read_word(const json_t *value, const char *param, const field_choice *choices, const char *listed,
                     int *out, http_error *error);
bool field_read_switch(const json_t *value, const char *param, bool *out, http_error *error);
/* A whole number from `least` on; 5.0 counts as 5. One of more than 64 bits is read as the nearest one that these hold. */
bool field_read_number(const json_t *value, const char *param, json_int_t least, json_int_t *out,
                       http_error *error);
/* For messages, behind the number: " or more", " or less" where it may stand for one of more than 64 bits; else "". Static storage. */
const char *field_beyond(json_int_t number);

#endif
