#include "model/heads.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/folder.h"
#include "model/parts.h"
#include "model/quote.h"
#include "model/safetensors.h"
#include "model/weight_files.h"
#include "model/weights.h"

static aki_status read_normalize(model_head *head, const char *folder, aki_error *error)
{
    (void)folder, (void)error;
    head->outputs = head->inputs;
    return AKI_OK;
}

/* A StaticEmbedding's own, and what is done without modules. */
static aki_status read_mean(model_head *head, const char *folder, aki_error *error)
{
    (void)folder, (void)error;
    head->outputs = head->inputs;
    head->poolings[head->poolings_count++] = AKI_POOLING_MEAN;
    return AKI_OK;
}

static const struct {
    model_head_kind kind;
    aki_status (*read)(model_head *head, const char *folder, aki_error *error);
} readers[] = {
    [MODULE_POOLING] = {MODEL_HEAD_POOLING, head_read_pooling},
    [MODULE_DENSE] = {MODEL_HEAD_DENSE, head_read_dense},
    [MODULE_LAYER_NORM] = {MODEL_HEAD_LAYER_NORM, head_read_layer_norm},
    [MODULE_NORMALIZE] = {MODEL_HEAD_NORMALIZE, read_normalize},
    [MODULE_MEAN] = {MODEL_HEAD_POOLING, read_mean},
};

/* Mean of the tokens, as without modules: a SparseEncoder has no vector, but a health probe compares one. */
static void add_mean(model_heads *out, size_t hidden_size)
{
    out->steps[out->count++] = (model_head){.kind = MODEL_HEAD_POOLING,
                                            .inputs = hidden_size,
                                            .outputs = hidden_size,
                                            .poolings = {AKI_POOLING_MEAN},
                                            .poolings_count = 1};
}

aki_status heads_read(model_heads *out, const model_modules *modules, size_t hidden_size, aki_error *error)
{
    *out = (model_heads){.dimension = hidden_size};
    if (modules->count == 0 || modules_are_splade(modules)) {
        add_mean(out, hidden_size);
        return AKI_OK;
    }
    for (size_t i = 0; i < modules->count; i++) {
        const model_module *module = &modules->heads[i];
        model_head *step = &out->steps[out->count++];
        *step = (model_head){.kind = readers[module->kind].kind, .inputs = out->dimension};
        aki_status status = readers[module->kind].read(step, module->folder, error);
        if (status != AKI_OK)
            return status;
        out->dimension = step->outputs;
    }
    return AKI_OK;
}

void heads_normalize(model_heads *heads)
{
    const size_t outputs = heads->steps[heads->count - 1].outputs;
    heads->steps[heads->count++] =
        (model_head){.kind = MODEL_HEAD_NORMALIZE, .inputs = outputs, .outputs = outputs};
}

void heads_truncate(model_heads *heads, size_t dimension)
{
    if (dimension < heads->dimension)
        heads->dimension = dimension;
}

static void free_weights(model_head *step)
{
    mem_free(step->weight);
    mem_free(step->bias);
    step->weight = step->bias = NULL;
}

static void free_token_weights(model_heads *heads)
{
    free_weights(&heads->token_dense);
    mem_free(heads->sparse.weight);
    mem_free(heads->sparse.bias);
    heads->sparse.weight = heads->sparse.bias = NULL;
}

void heads_release_weights(model_heads *heads)
{
    for (size_t i = 0; i < heads->count; i++)
        if (heads->steps[i].kind == MODEL_HEAD_DENSE)
            free_weights(&heads->steps[i]);
    free_token_weights(heads);
}

void heads_free(model_heads *heads)
{
    for (size_t i = 0; i < heads->count; i++)
        free_weights(&heads->steps[i]);
    free_token_weights(heads);
    for (size_t i = 0; heads->labels != NULL && i < heads->dimension; i++)
        mem_free(heads->labels[i]);
    mem_free(heads->labels);
    *heads = (model_heads){0};
}

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
