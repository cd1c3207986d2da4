/* JSON files and the fields in them, read with jansson and with errors that name file, line and field. */
#ifndef BASE_JSON_FILE_H
#define BASE_JSON_FILE_H

#include "akidb/embed.h"

#include <jansson.h>

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
