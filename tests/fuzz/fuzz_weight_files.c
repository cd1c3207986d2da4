/* Fuzzes the index of weights that are split over files, together with these files. The input is a pack of them. What opens must be
 * readable: each tensor of the index lies in the mapped bytes of the file that the index names for it. */
#include "unit.h"

#include "fuzz.h"
#include "scratch.h"

#include "base/shard_index.h"
#include "model/weight_files.h"

#define INDEX WEIGHT_FILE SHARD_INDEX_ENDING

static void check_index(const shard_index *index)
{
    FUZZ_CHECK(index->count >= 1 && index->count <= SHARD_INDEX_FILES_MAX);
    for (size_t i = 0; i < index->count; i++) {
        FUZZ_CHECK(index->files[i][0] != '.' && strchr(index->files[i], '/') == NULL);
        FUZZ_CHECK(i == 0 || strcmp(index->files[i - 1], index->files[i]) < 0);
    }
}

/* Of the file that holds the byte `at` of the mapping. */
static size_t file_at(const mapping *map, size_t count, size_t at)
{
    size_t file = 0;
    while (file + 1 < count && mapping_begin(map, file + 1) <= at)
        file++;
    return file;
}

static void check_files(const weight_files *files, const shard_index *index)
{
    size_t sum = 0;
    FUZZ_CHECK(safetensors_count(files->tensors) == json_object_size(index->tensors));
    for (size_t i = 0; i < safetensors_count(files->tensors); i++) {
        const safetensors_entry *entry = safetensors_at(files->tensors, i);
        const char *stated = json_string_value(json_object_get(index->tensors, entry->name));
        const size_t file = file_at(files->map, index->count, entry->begin);
        FUZZ_CHECK(safetensors_find(files->tensors, entry->name) == entry);
        FUZZ_CHECK(entry->end <= mapping_begin(files->map, file) + mapping_file_size(files->map, file));
        FUZZ_CHECK(entry->begin == entry->end || strcmp(stated, index->files[file]) == 0);
        for (size_t at = entry->begin; at < entry->end; at++)
            sum += mapping_data(files->map)[at];
    }
    FUZZ_CHECK(sum <= 255 * mapping_size(files->map));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    pack_part parts[] = {{.name = INDEX}, {.name = "a.safetensors"}, {.name = "b.safetensors"}};
    pack_read(data, size, parts, sizeof parts / sizeof parts[0]);
    pack_write_files(parts, sizeof parts / sizeof parts[0]);
    if (parts[0].data == NULL)
        return 0;
    char path[SCRATCH_PATH_MAX];
    scratch_path(path, INDEX);
    shard_index index;
    weight_files files;
    aki_error error = {.message = ""};
    const bool readable = shard_index_read(&index, path, &error) == AKI_OK;
    if (readable)
        check_index(&index);
    else
        FUZZ_CHECK(error.message[0] != '\0' && error.hint[0] != '\0');
    error.message[0] = '\0';
    if (weight_files_open(&files, scratch_folder(), &error) == AKI_OK)
        check_files(&files, &index);
    else
        FUZZ_CHECK(error.message[0] != '\0' && error.hint[0] != '\0');
    weight_files_close(&files);
    shard_index_free(&index);
    return 0;
}
