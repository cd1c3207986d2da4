#include "model/weights.h"

#include "base/error.h"
#include "base/memory.h"
#include "model/families.h"
#include "model/quote.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 160
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef struct binder {
    const model_config *config;
    const safetensors *file;
    const unsigned char *data;
    const char *path, *prefix;
    aki_error *error;
} binder;

static size_t length_of(const model_config *config, tensor_extent e)
{
    switch (e) {
    case TENSOR_VOCABULARY:
        return config->vocabulary_size;
    case TENSOR_POSITIONS:
        return model_position_rows(config);
    case TENSOR_TYPES:
        return config->token_types;
    case TENSOR_HIDDEN:
        return config->hidden_size;
    case TENSOR_INTERMEDIATE:
        return config->intermediate_size;
    case TENSOR_HEADS:
        return config->heads;
    case TENSOR_BUCKETS:
        return MODEL_RELATIVE_BUCKETS;
    case TENSOR_QUERY:
        return model_query_size(config);
    case TENSOR_KEY:
        return model_key_size(config);
    case TENSOR_HEAD:
        return config->head_size;
    case TENSOR_ROWS:
        return config->matrix_rows;
    case TENSOR_EXPERTS:
        return config->graph.experts;
    case TENSOR_EXPERT_ROWS:
        return config->graph.experts * config->intermediate_size;
    case TENSOR_NONE:
        break;
    }
    return 1;
}

static void describe_shape(char *out, size_t room, const size_t *shape, size_t rank)
{
    size_t used = (size_t)snprintf(out, room, "[");
    for (size_t i = 0; i < rank && used < room; i++)
        used += (size_t)snprintf(out + used, room - used, "%s%zu", i > 0 ? ", " : "", shape[i]);
    if (used < room)
        snprintf(out + used, room - used, "]");
}

static aki_status check_shape(const binder *b, const safetensors_entry *entry, const tensor_row *r)
{
    size_t expected[2], rank = 0;
    if (r->rows != TENSOR_NONE)
        expected[rank++] = length_of(b->config, r->rows);
    expected[rank++] = length_of(b->config, r->columns);
    expected[0] *= r->parts > 0 ? r->parts : 1;
    if (entry->rank == rank && memcmp(entry->shape, expected, rank * sizeof expected[0]) == 0)
        return AKI_OK;
    char found_text[MODEL_MAX_RANK * 22 + 3], expected_text[2 * 22 + 3];
    describe_shape(found_text, sizeof found_text, entry->shape, entry->rank);
    describe_shape(expected_text, sizeof expected_text, expected, rank);
    return error_set(b->error, AKI_MODEL_INVALID,
                     "'%s': tensor '%s' has shape %s; by config.json it must be %s", b->path, entry->name,
                     found_text, expected_text);
}

aki_status weights_dtype(const safetensors_entry *entry, const char *path, model_dtype *dtype,
                         aki_error *error)
{
    static const char *const names[] = {[MODEL_F32] = "F32", [MODEL_F16] = "F16", [MODEL_BF16] = "BF16"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], entry->dtype) == 0) {
            *dtype = (model_dtype)i;
            return AKI_OK;
        }
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': tensor '%s' is of type %s; supported are F32, F16 and BF16", path, entry->name,
                     entry->dtype);
}

/* stem: "" or "encoder.layer.0." */
static const safetensors_entry *find(const binder *b, const char *stem, const char *name)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "%s%s%s", b->prefix, stem, name);
    return safetensors_find(b->file, full);
}

/* The part of the file's tensor that is meant. */
static model_tensor view(const binder *b, const safetensors_entry *entry, const tensor_row *r,
                         model_dtype dtype)
{
    const size_t rows = length_of(b->config, r->rows), columns = length_of(b->config, r->columns);
    const size_t width = dtype == MODEL_F32 ? sizeof(float) : sizeof(uint16_t);
    return (model_tensor){.data = b->data + entry->begin + r->part * rows * columns * width,
                          .dtype = dtype,
                          .rows = rows,
                          .columns = columns};
}

static aki_status bind_row(const binder *b, const char *stem, const tensor_row *r, void *target)
{
    const safetensors_entry *entry = find(b, stem, r->name);
    if (entry == NULL && r->older_name != NULL)
        entry = find(b, stem, r->older_name);
    if (entry == NULL)
        return error_set(b->error, AKI_MODEL_INVALID, "'%s' lacks the tensor '%s%s%s'", b->path, b->prefix,
                         stem, r->name);
    aki_status status = check_shape(b, entry, r);
    if (status != AKI_OK)
        return status;
    model_dtype dtype;
    status = weights_dtype(entry, b->path, &dtype, b->error);
    if (status == AKI_OK) {
        const model_tensor tensor = view(b, entry, r, dtype);
        memcpy((char *)target + r->field, &tensor, sizeof tensor);
    }
    return status;
}

/* layer: 0 outside of layers too. */
static bool has_row(const model_config *config, const tensor_row *r, size_t layer)
{
    const bool is_mixture = model_layer_is_mixture(&config->graph, layer);
    const bool has[] = {
        [TENSOR_IN_EVERY_LAYER] = true,
        [TENSOR_NOT_IN_FIRST] = layer > 0,
        [TENSOR_IN_MIXTURES] = is_mixture,
        [TENSOR_NOT_IN_MIXTURES] = !is_mixture,
    };
    return has[r->layers] && length_of(config, r->rows) > 0;
}

static aki_status bind_table(const binder *b, const char *stem, const tensor_table *table, size_t layer,
                             void *target)
{
    aki_status status = AKI_OK;
    for (size_t i = 0; i < table->count && status == AKI_OK; i++) {
        const tensor_row *r = &table->rows[i];
        if (has_row(b->config, r, layer))
            status = bind_row(b, stem, r, target);
    }
    return status;
}

/* The family's prefix where the file has its first tensor, which no family goes without, by that name. */
const char *weights_prefix(const model_family *family, const safetensors *file)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s%s", family->prefix, family->embeddings->rows[0].name);
    return safetensors_find(file, name) != NULL ? family->prefix : "";
}

aki_status weights_bind(model_weights *weights, const model_config *config, const safetensors *file,
                        const unsigned char *data, const char *path, aki_error *error)
{
    const model_family *family = config->family;
    *weights = (model_weights){.layers = mem_zalloc(config->layers, sizeof(model_layer))};
    if (weights->layers == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu layers", config->layers);
    binder b = {config, file, data, path, weights_prefix(family, file), error};
    aki_status status = bind_table(&b, "", family->embeddings, 0, weights);
    for (size_t i = 0; i < config->layers && status == AKI_OK; i++) {
        char stem[NAME_BYTES];
        snprintf(stem, sizeof stem, "%s%zu.", family->layers_prefix, i);
        status = bind_table(&b, stem, family->layer, i, &weights->layers[i]);
    }
    return status;
}

static bool is_finite(const model_tensor *tensor, size_t *at)
{
    float values[512];
    const size_t count = tensor->rows * tensor->columns;
    for (size_t first = 0; first < count; first += COUNT(values)) {
        const size_t n = count - first < COUNT(values) ? count - first : COUNT(values);
        tensor_read_f32(tensor, first, n, values);
        for (size_t i = 0; i < n; i++)
            if (!isfinite(values[i])) {
                *at = (first + i) / tensor->columns;
                return false;
            }
    }
    return true;
}

static const char *find_not_finite(const tensor_table *table, const void *target, size_t *at)
{
    for (size_t i = 0; i < table->count; i++) { /* one that is not there has no rows */
        const tensor_row *r = &table->rows[i];
        const model_tensor *tensor = (const model_tensor *)((const char *)target + r->field);
        if (!is_finite(tensor, at)) {
            *at += r->part * tensor->rows;
            return r->name;
        }
    }
    return NULL;
}

bool weights_find_not_finite(const model_weights *weights, const model_config *config, char *name,
                             size_t room, size_t *at)
{
    const model_family *family = config->family;
    const char *found = find_not_finite(family->embeddings, weights, at);
    if (found != NULL)
        snprintf(name, room, "%s", found);
    for (size_t i = 0; i < config->layers && found == NULL; i++) {
        found = find_not_finite(family->layer, &weights->layers[i], at);
        if (found != NULL)
            snprintf(name, room, "%s%zu.%s", family->layers_prefix, i, found);
    }
    return found != NULL;
}

void weights_free(model_weights *weights)
{
    mem_free(weights->layers);
    mem_free(weights->token_rows);
    mem_free(weights->token_weights);
    *weights = (model_weights){0};
}
