#include "model/head_weights.h"

#include "base/error.h"
#include "base/memory.h"
#include "model/folder.h"
#include "model/parts.h"
#include "model/quote.h"
#include "model/safetensors.h"
#include "model/weight_files.h"
#include "model/weights.h"

#include <math.h>
#include <string.h>

static bool has_shape(const safetensors_entry *entry, const head_tensor *wanted)
{
    return wanted->rows == 0
               ? entry->rank == 1 && entry->shape[0] == wanted->columns
               : entry->rank == 2 && entry->shape[0] == wanted->rows && entry->shape[1] == wanted->columns;
}

static aki_status wrong_shape(const safetensors_entry *entry, const head_tensor *wanted, const char *path,
                              aki_error *error)
{
    if (wanted->rows == 0)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': tensor '%s' does not have the shape [%zu] that the configurations ask for",
                         path, entry->name, wanted->columns);
    return error_set(error, AKI_MODEL_INVALID,
                     "'%s': tensor '%s' does not have the shape [%zu, %zu] that the configurations ask for",
                     path, entry->name, wanted->rows, wanted->columns);
}

static aki_status copy_tensor(const head_tensor *wanted, const safetensors_entry *entry,
                              const unsigned char *data, const char *path, aki_error *error)
{
    if (!has_shape(entry, wanted))
        return wrong_shape(entry, wanted, path, error);
    model_tensor tensor = {
        .data = data + entry->begin, .rows = wanted->rows > 0 ? wanted->rows : 1, .columns = wanted->columns};
    aki_status status = weights_dtype(entry, path, &tensor.dtype, error);
    if (status != AKI_OK)
        return status;
    size_t values;
    if (!size_mul(tensor.rows, tensor.columns, &values) ||
        (*wanted->values = mem_alloc(values, sizeof **wanted->values)) == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for tensor '%s' of '%s'", entry->name, path);
    tensor_read_f32(&tensor, 0, values, *wanted->values);
    for (size_t i = 0; i < values; i++)
        if (!isfinite((*wanted->values)[i]))
            return error_set(error, AKI_MODEL_INVALID, "'%s': row %zu of tensor '%s' is not finite", path,
                             i / tensor.columns, entry->name);
    return AKI_OK;
}

/* The reference refuses tensors that it has no use for: a bias beside "bias": false. */
static aki_status refuse_others(const head_tensor *wanted, size_t count, const safetensors *file,
                                const char *path, aki_error *error)
{
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const safetensors_entry *entry = safetensors_at(file, i);
        size_t w = 0;
        while (w < count && strcmp(wanted[w].name, entry->name) != 0)
            w++;
        if (w == count)
            return error_set(error, AKI_MODEL_INVALID,
                             "'%s' has a tensor '%s', for which the module's config.json has no use", path,
                             quote_name(entry->name, entry->name_length).text);
    }
    return AKI_OK;
}

aki_status head_weights_copy(const head_tensor *wanted, size_t count, const safetensors *file,
                             const unsigned char *data, const char *path, aki_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const safetensors_entry *entry = safetensors_find(file, wanted[i].name);
        if (entry == NULL)
            return error_set(error, AKI_MODEL_INVALID, "'%s' lacks the tensor '%s'", path, wanted[i].name);
        aki_status status = copy_tensor(&wanted[i], entry, data, path, error);
        if (status != AKI_OK)
            return status;
    }
    return AKI_OK;
}

aki_status head_weights_read(const char *folder, const char *file, const head_tensor *wanted, size_t count,
                             aki_error *error)
{
    if (!folder_lists(folder, file))
        return weight_files_missing(folder, error);
    char *path = NULL;
    mapping *map = NULL;
    safetensors *header = NULL;
    aki_status status = folder_path(&path, folder, file, error);
    if (status == AKI_OK)
        status = mapping_open(&map, path, error);
    if (status == AKI_OK)
        status = safetensors_parse(&header, mapping_data(map), mapping_size(map), path, error);
    if (status == AKI_OK)
        status = head_weights_copy(wanted, count, header, mapping_data(map), path, error);
    if (status == AKI_OK)
        status = refuse_others(wanted, count, header, path, error);
    if (map != NULL && mapping_damaged(map))
        status = error_set(error, AKI_MODEL_CHANGED, "'%s' was cut while it was being read", path);
    safetensors_close(header);
    mapping_close(map);
    mem_free(path);
    return status;
}
