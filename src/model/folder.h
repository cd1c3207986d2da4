/* Files of a model folder: paths within it, and its small JSON files.
 *
 * A name that is listed in the folder but leads nowhere (a link into a Hugging Face cache whose blob is gone) is an
 * error, never "absent": reading on with defaults would give wrong vectors without a word. */
#ifndef MODEL_FOLDER_H
#define MODEL_FOLDER_H

#include "akidb/embed.h"

#include <jansson.h>

/* "folder/name", to be freed with mem_free. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status folder_path(char **out, const char *folder, const char *name, aki_error *error);

/* True when the folder lists `name`, also as a dangling link, or when that cannot be told. */
bool folder_lists(const char *folder, const char *name);

/* True when a path from a file stays inside the folder it is relative to: not absolute, no "..", no backslash. */
bool folder_contains(const char *relative, size_t length);

typedef enum folder_need { FOLDER_REQUIRED, FOLDER_OPTIONAL } folder_need;

typedef struct folder_json {
    char *path;
    json_t *root; /* NULL where an optional file is absent */
} folder_json;

/* Reads folder/name, whose root has to be of `type` (JSON_OBJECT or JSON_ARRAY). Whatever the result, release it with
 * folder_json_free. Errors: AKI_MODEL_NOT_FOUND, AKI_MODEL_INVALID, AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status folder_json_read(folder_json *out, const char *folder, const char *name,
                                           json_type type, folder_need need, aki_error *error);
void folder_json_free(folder_json *file);

#endif
