#include "model/weights.h"

#include "base/error.h"
#include "base/memory.h"
#include "model/quote.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES 128
#define PREFIX "bert."

/* Lengths of dimensions; NONE in `rows` makes a vector. */
typedef enum extent { NONE, VOCABULARY, POSITIONS, TYPES, HIDDEN, INTERMEDIATE } extent;

typedef struct row {
    const char *name;
    const char *older_name; /* NULL = never had another */
    size_t field;           /* offset of the model_tensor in its struct */
    extent rows, columns;
} row;

#define MATRIX(type, field, rows, columns, name)                                                             \
    {                                                                                                        \
        name, NULL, offsetof(type, field), rows, columns                                                     \
    }
#define LINEAR(field, rows, columns, name)                                                                   \
    MATRIX(model_layer, field.weight, rows, columns, name ".weight"),                                        \
        MATRIX(model_layer, field.bias, NONE, rows, name ".bias")
#define NORM(type, field, name)                                                                              \
    {name ".weight", name ".gamma", offsetof(type, field.gamma), NONE, HIDDEN},                              \
    {                                                                                                        \
        name ".bias", name ".beta", offsetof(type, field.beta), NONE, HIDDEN                                 \
    }

static const row embedding_rows[] = {
    MATRIX(model_weights, word_embeddings, VOCABULARY, HIDDEN, "embeddings.word_embeddings.weight"),
    MATRIX(model_weights, position_embeddings, POSITIONS, HIDDEN, "embeddings.position_embeddings.weight"),
    MATRIX(model_weights, type_embeddings, TYPES, HIDDEN, "embeddings.token_type_embeddings.weight"),
    NORM(model_weights, embedding_norm, "embeddings.LayerNorm"),
};

/* Each below "encoder.layer.<number>." */
static const row layer_rows[] = {
    LINEAR(query, HIDDEN, HIDDEN, "attention.self.query"),
    LINEAR(key, HIDDEN, HIDDEN, "attention.self.key"),
    LINEAR(value, HIDDEN, HIDDEN, "attention.self.value"),
    LINEAR(attention_output, HIDDEN, HIDDEN, "attention.output.dense"),
    NORM(model_layer, attention_norm, "attention.output.LayerNorm"),
    LINEAR(intermediate, INTERMEDIATE, HIDDEN, "intermediate.dense"),
    LINEAR(output, HIDDEN, INTERMEDIATE, "output.dense"),
    NORM(model_layer, output_norm, "output.LayerNorm"),
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef struct binder {
    const model_config *config;
    const safetensors *file;
    const unsigned char *data;
    const char *path, *prefix;
    aki_error *error;
} binder;

static size_t length_of(const model_config *config, extent e)
{
    switch (e) {
    case VOCABULARY:
        return config->vocabulary_size;
    case POSITIONS:
        return config->max_positions;
    case TYPES:
        return config->token_types;
    case HIDDEN:
        return config->hidden_size;
    case INTERMEDIATE:
        return config->intermediate_size;
    case NONE:
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

static aki_status check_shape(const binder *b, const safetensors_entry *entry, const row *r)
{
    size_t expected[2], rank = 0;
    if (r->rows != NONE)
        expected[rank++] = length_of(b->config, r->rows);
    expected[rank++] = length_of(b->config, r->columns);
    if (entry->rank == rank && memcmp(entry->shape, expected, rank * sizeof expected[0]) == 0)
        return AKI_OK;
    char found_text[MODEL_MAX_RANK * 22 + 3], expected_text[2 * 22 + 3];
    describe_shape(found_text, sizeof found_text, entry->shape, entry->rank);
    describe_shape(expected_text, sizeof expected_text, expected, rank);
    return error_set(b->error, AKI_MODEL_INVALID,
                     "'%s': tensor '%s' has shape %s; by config.json it must be %s", b->path, entry->name,
                     found_text, expected_text);
}

static bool dtype_of(const char *name, model_dtype *dtype)
{
    static const struct {
        const char *name;
        model_dtype dtype;
    } usable[] = {{"F32", MODEL_F32}, {"F16", MODEL_F16}, {"BF16", MODEL_BF16}};
    for (size_t i = 0; i < COUNT(usable); i++)
        if (strcmp(usable[i].name, name) == 0) {
            *dtype = usable[i].dtype;
            return true;
        }
    return false;
}

/* stem: "" or "encoder.layer.0." */
static const safetensors_entry *find(const binder *b, const char *stem, const char *name)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "%s%s%s", b->prefix, stem, name);
    return safetensors_find(b->file, full);
}

static aki_status bind_row(const binder *b, const char *stem, const row *r, void *target)
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
    model_tensor tensor = {.data = b->data + entry->begin,
                           .rows = length_of(b->config, r->rows),
                           .columns = length_of(b->config, r->columns)};
    if (!dtype_of(entry->dtype, &tensor.dtype))
        return error_set(b->error, AKI_MODEL_UNSUPPORTED,
                         "'%s': tensor '%s' is of type %s; supported are F32, F16 and BF16", b->path,
                         entry->name, entry->dtype);
    memcpy((char *)target + r->field, &tensor, sizeof tensor);
    return AKI_OK;
}

static aki_status bind_rows(const binder *b, const char *stem, const row *rows, size_t count, void *target)
{
    aki_status status = AKI_OK;
    for (size_t i = 0; i < count && status == AKI_OK; i++)
        status = bind_row(b, stem, &rows[i], target);
    return status;
}

aki_status weights_bind(model_weights *weights, const model_config *config, const safetensors *file,
                        const unsigned char *data, const char *path, aki_error *error)
{
    *weights = (model_weights){.layers = mem_zalloc(config->layers, sizeof(model_layer))};
    if (weights->layers == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu layers", config->layers);
    bool prefixed = safetensors_find(file, PREFIX "embeddings.word_embeddings.weight") != NULL;
    binder b = {config, file, data, path, prefixed ? PREFIX : "", error};
    aki_status status = bind_rows(&b, "", embedding_rows, COUNT(embedding_rows), weights);
    for (size_t i = 0; i < config->layers && status == AKI_OK; i++) {
        char stem[sizeof "encoder.layer.." + 20];
        snprintf(stem, sizeof stem, "encoder.layer.%zu.", i);
        status = bind_rows(&b, stem, layer_rows, COUNT(layer_rows), &weights->layers[i]);
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

static const row *find_not_finite(const row *rows, size_t count, const void *target, size_t *at)
{
    for (size_t i = 0; i < count; i++)
        if (!is_finite((const model_tensor *)((const char *)target + rows[i].field), at))
            return &rows[i];
    return NULL;
}

bool weights_find_not_finite(const model_weights *weights, const model_config *config, char *name,
                             size_t room, size_t *at)
{
    const row *found = find_not_finite(embedding_rows, COUNT(embedding_rows), weights, at);
    if (found != NULL)
        snprintf(name, room, "%s", found->name);
    for (size_t i = 0; i < config->layers && found == NULL; i++) {
        found = find_not_finite(layer_rows, COUNT(layer_rows), &weights->layers[i], at);
        if (found != NULL)
            snprintf(name, room, "encoder.layer.%zu.%s", i, found->name);
    }
    return found != NULL;
}

void weights_free(model_weights *weights)
{
    mem_free(weights->layers);
    *weights = (model_weights){0};
}
