#include "base/shard_index.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* An index has about 70 bytes for a tensor. */
#define INDEX_BYTES_MAX ((size_t)16 << 20)
#define NAME_BYTES_MAX ((size_t)255)
#define ENDING ".safetensors"

static bool is_file_name(const json_t *value)
{
    const char *name = json_string_value(value);
    const size_t length = json_string_length(value), ending = strlen(ENDING);
    if (name == NULL || length <= ending || length > NAME_BYTES_MAX || name[0] == '.')
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == '/' || name[i] == '\\' || name[i] == 0x7F)
            return false;
    return strcmp(name + length - ending, ENDING) == 0;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Puts `name` to the others in its place, unless it is there. */
static aki_status add_file(shard_index *out, const char *name, const char *path, aki_error *error)
{
    if (bsearch(&name, out->files, out->count, sizeof *out->files, by_name) != NULL)
        return AKI_OK;
    if (out->count == SHARD_INDEX_FILES_MAX)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': \"weight_map\" names more than %zu files, the most that are read", path,
                         SHARD_INDEX_FILES_MAX);
    size_t place = out->count++;
    for (; place > 0 && strcmp(out->files[place - 1], name) > 0; place--)
        out->files[place] = out->files[place - 1];
    out->files[place] = name;
    return AKI_OK;
}

static aki_status read_files(shard_index *out, const char *path, aki_error *error)
{
    out->files = mem_alloc(SHARD_INDEX_FILES_MAX, sizeof *out->files);
    if (out->files == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", path);
    const char *tensor;
    json_t *file;
    aki_status status = AKI_OK;
    json_object_foreach((json_t *)out->tensors, tensor, file)
    {
        if (!is_file_name(file))
            return error_set(error, AKI_MODEL_INVALID,
                             "'%s': \"weight_map\" must give each tensor the name of a " ENDING
                             " file in the same folder",
                             path);
        status = add_file(out, json_string_value(file), path, error);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

static aki_status read_total(shard_index *out, const char *path, aki_error *error)
{
    const json_t *metadata = json_object_get(out->root, "metadata");
    if (metadata == NULL || json_is_null(metadata))
        return AKI_OK;
    if (!json_is_object(metadata))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"metadata\" must be an object", path);
    const json_t *total = json_object_get(metadata, "total_size");
    size_t bytes = 0;
    out->states_bytes = total != NULL && !json_is_null(total);
    aki_status status = json_field_size(metadata, path, "total_size", 0, SIZE_MAX >> 1, &bytes, error);
    out->bytes = bytes;
    return status;
}

aki_status shard_index_read(shard_index *out, const char *path, aki_error *error)
{
    *out = (shard_index){.root = NULL};
    aki_status status = json_file_read(path, INDEX_BYTES_MAX, &out->root, error);
    if (status != AKI_OK)
        return status;
    out->tensors = json_object_get(out->root, "weight_map");
    if (!json_is_object(out->tensors) || json_object_size(out->tensors) == 0)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s' has no \"weight_map\" that says in which file each tensor lies", path);
    status = read_files(out, path, error);
    return status == AKI_OK ? read_total(out, path, error) : status;
}

void shard_index_free(shard_index *index)
{
    mem_free(index->files);
    json_decref(index->root);
    *index = (shard_index){.root = NULL};
}
