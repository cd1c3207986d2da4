#include "model/folder.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "model/limits.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

aki_status folder_path(char **out, const char *folder, const char *name, aki_error *error)
{
    *out = path_join(folder, name);
    return *out != NULL ? AKI_OK
                        : error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s' in '%s'", name, folder);
}

bool folder_lists(const char *folder, const char *name)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    return length < 0 || (size_t)length >= sizeof path || file_listed(path);
}

bool folder_contains(const char *relative, size_t length)
{
    if (length > 0 && relative[0] == '/')
        return false;
    if (memchr(relative, '\0', length) != NULL || memchr(relative, '\\', length) != NULL)
        return false;
    for (size_t start = 0; start < length;) {
        const char *slash = memchr(relative + start, '/', length - start);
        size_t end = slash != NULL ? (size_t)(slash - relative) : length;
        if (end - start == 2 && memcmp(relative + start, "..", 2) == 0)
            return false;
        start = end + 1;
    }
    return true;
}

aki_status folder_json_read(folder_json *out, const char *folder, const char *name, json_type type,
                            folder_need need, aki_error *error)
{
    *out = (folder_json){0};
    aki_status status = folder_path(&out->path, folder, name, error);
    if (status != AKI_OK || (need == FOLDER_OPTIONAL && !file_listed(out->path)))
        return status;
    status = json_file_read(out->path, MODEL_MAX_JSON_BYTES, &out->root, error);
    if (status == AKI_OK && json_typeof(out->root) != type)
        status = error_set(error, AKI_MODEL_INVALID, "'%s' must hold a JSON %s", out->path,
                           type == JSON_ARRAY ? "array" : "object");
    return status;
}

void folder_json_free(folder_json *file)
{
    json_decref(file->root);
    mem_free(file->path);
    *file = (folder_json){0};
}
