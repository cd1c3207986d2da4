#include "model/weight_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/shard_index.h"
#include "model/folder.h"
#include "model/quote.h"

#include <string.h>

#define INDEX_FILE WEIGHT_FILE SHARD_INDEX_ENDING
#define PICKLE_FILE "pytorch_model.bin"

aki_status weight_files_missing(const char *folder, aki_error *error)
{
    const bool split = folder_lists(folder, PICKLE_FILE SHARD_INDEX_ENDING);
    if (!split && !folder_lists(folder, PICKLE_FILE))
        return error_set(error, AKI_MODEL_NOT_FOUND, "'%s' has no weights: there is no " WEIGHT_FILE, folder);
    error_set(error, AKI_MODEL_UNSUPPORTED,
              "'%s' has its weights only in " PICKLE_FILE
              "%s, a format that can run code when read; supported is " WEIGHT_FILE,
              folder, split ? "'s parts" : "");
    if (split)
        error_hint(error, "Save the model once with transformers (save_pretrained writes " WEIGHT_FILE
                          "), or take a revision that has it.");
    else
        error_hint(error, "In that folder, with torch and safetensors: python3 -c \"import torch as t,"
                          "safetensors.torch as s;s.save_file({k:v.contiguous().clone()for k,v in "
                          "t.load('" PICKLE_FILE "',weights_only=True).items()},'" WEIGHT_FILE "')\"");
    return AKI_MODEL_UNSUPPORTED;
}

/* ---- Paths ---- */

static aki_status add_path(weight_paths *out, const char *folder, const char *name, aki_error *error)
{
    return folder_path(&out->items[out->count++], folder, name, error);
}

/* The paths of the index, which is *index then, and of its files. */
static aki_status add_split(weight_paths *out, shard_index *index, const char *folder, aki_error *error)
{
    aki_status status = add_path(out, folder, INDEX_FILE, error);
    if (status == AKI_OK)
        status = shard_index_read(index, out->items[0], error);
    for (size_t i = 0; i < index->count && status == AKI_OK; i++)
        status = add_path(out, folder, index->files[i], error);
    return status;
}

/* index: becomes that of a folder whose weights are split. */
static aki_status find_paths(weight_paths *out, shard_index *index, const char *folder, aki_error *error)
{
    *out = (weight_paths){.items = mem_zalloc(1 + SHARD_INDEX_FILES_MAX, sizeof *out->items)};
    if (out->items == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", folder);
    return folder_lists(folder, WEIGHT_FILE) || !folder_lists(folder, INDEX_FILE)
               ? add_path(out, folder, WEIGHT_FILE, error)
               : add_split(out, index, folder, error);
}

aki_status weight_paths_find(weight_paths *out, const char *folder, aki_error *error)
{
    shard_index index = {.root = NULL};
    aki_status status = find_paths(out, &index, folder, error);
    shard_index_free(&index);
    return status;
}

void weight_paths_free(weight_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        mem_free(paths->items[i]);
    mem_free(paths->items);
    *paths = (weight_paths){.items = NULL};
}

/* ---- Index and files must agree ---- */

static aki_status check_part(const shard_index *index, const char *file, const safetensors *part,
                             const char *path, aki_error *error)
{
    for (size_t i = 0; i < safetensors_count(part); i++) {
        const safetensors_entry *entry = safetensors_at(part, i);
        const char *stated = json_string_value(json_object_get(index->tensors, entry->name));
        if (stated != NULL && strcmp(stated, file) == 0)
            continue;
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s' has tensor '%s', which " INDEX_FILE " %s%s: they do not belong together", path,
                         quote_name(entry->name, entry->name_length).text,
                         stated != NULL ? "puts into " : "does not list", stated != NULL ? stated : "");
    }
    return AKI_OK;
}

static aki_status check_whole(const shard_index *index, const safetensors *whole, const char *path,
                              aki_error *error)
{
    const char *name;
    json_t *file;
    json_object_foreach((json_t *)index->tensors, name, file)
    {
        if (safetensors_find(whole, name) == NULL)
            return error_set(error, AKI_MODEL_INVALID,
                             "'%s' puts tensor '%s' into %s, which does not have it", path,
                             quote_name(name, strlen(name)).text, json_string_value(file));
    }
    unsigned long long bytes = 0;
    for (size_t i = 0; i < safetensors_count(whole); i++)
        bytes += safetensors_at(whole, i)->end - safetensors_at(whole, i)->begin;
    if (index->states_bytes && bytes != index->bytes)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': \"total_size\" is %llu bytes, but the tensors have %llu", path, index->bytes,
                         bytes);
    return AKI_OK;
}

/* ---- Opening ---- */

static aki_status parse_part(safetensors **out, const mapping *map, size_t at, const char *path,
                             aki_error *error)
{
    return safetensors_parse(out, mapping_data(map) + mapping_begin(map, at), mapping_file_size(map, at),
                             path, error);
}

/* files: the paths behind the index's own. */
static aki_status parse_split(weight_files *out, const shard_index *index, char *const *files,
                              aki_error *error)
{
    safetensors *parts[SHARD_INDEX_FILES_MAX] = {NULL};
    size_t begins[SHARD_INDEX_FILES_MAX] = {0}, parsed = 0;
    aki_status status = AKI_OK;
    for (size_t i = 0; i < index->count && status == AKI_OK; i++) {
        begins[i] = mapping_begin(out->map, i);
        status = parse_part(&parts[i], out->map, i, files[i], error);
        parsed += status == AKI_OK;
        if (status == AKI_OK)
            status = check_part(index, index->files[i], parts[i], files[i], error);
    }
    if (status == AKI_OK)
        status = safetensors_join(&out->tensors, parts, begins, index->count, out->path, error);
    for (size_t i = 0; i < parsed; i++)
        safetensors_close(parts[i]);
    return status == AKI_OK ? check_whole(index, out->tensors, out->path, error) : status;
}

static aki_status open_paths(weight_files *out, const weight_paths *paths, const shard_index *index,
                             aki_error *error)
{
    const bool split = index->count > 0;
    char *const *files = paths->items + (split ? 1 : 0);
    const size_t count = split ? index->count : 1;
    out->path = mem_copy_string(paths->items[0]);
    if (out->path == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", paths->items[0]);
    aki_status status = mapping_open_files(&out->map, (const char *const *)files, count, error);
    if (status == AKI_OK)
        status = split ? parse_split(out, index, files, error)
                       : parse_part(&out->tensors, out->map, 0, files[0], error);
    if (out->map != NULL && mapping_damaged(out->map))
        status = error_set(error, AKI_MODEL_CHANGED, "'%s' was cut while it was being read", out->path);
    return status;
}

aki_status weight_files_open(weight_files *out, const char *folder, aki_error *error)
{
    *out = (weight_files){.map = NULL};
    if (!folder_lists(folder, WEIGHT_FILE) && !folder_lists(folder, INDEX_FILE))
        return weight_files_missing(folder, error);
    weight_paths paths;
    shard_index index = {.root = NULL};
    aki_status status = find_paths(&paths, &index, folder, error);
    if (status == AKI_OK)
        status = open_paths(out, &paths, &index, error);
    shard_index_free(&index);
    weight_paths_free(&paths);
    return status;
}

void weight_files_close(weight_files *files)
{
    safetensors_close(files->tensors);
    mapping_close(files->map);
    mem_free(files->path);
    *files = (weight_files){.map = NULL};
}
