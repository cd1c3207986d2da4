#include "model/static_model.h"

#include "base/error.h"
#include "base/memory.h"
#include "model/families.h"
#include "model/weight_files.h"
#include "model/weights.h"

#include <math.h>
#include <string.h>

#define MATRIX "embeddings"
#define STATIC_EMBEDDING_MATRIX "embedding.weight"
#define MAPPING "mapping"
#define WEIGHTS "weights"

/* Forgets what a config.json said: StaticEmbedding does not read it. */
static void become_static_embedding(model_config *config)
{
    config->family = &family_static_embedding;
    config->max_tokens = config->max_positions = MODEL_STATIC_TOKENS;
    config->drops_unknown = config->normalizes = false;
}

static aki_status refuse_beside(const safetensors *file, const char *name, const char *path, aki_error *error)
{
    if (safetensors_find(file, name) == NULL)
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': tensor '%s' beside '" STATIC_EMBEDDING_MATRIX
                     "' is not supported; it is beside '" MATRIX "'",
                     path, name);
}

static aki_status check_matrix(const safetensors_entry *entry, const char *path, aki_error *error)
{
    if (entry->rank == 2 && entry->shape[0] >= 1 && entry->shape[0] <= MODEL_MAX_VOCABULARY &&
        entry->shape[1] >= 1 && entry->shape[1] <= MODEL_MAX_HIDDEN)
        return AKI_OK;
    return error_set(error, AKI_MODEL_INVALID,
                     "'%s': tensor '%s' must be a matrix of 1 to %zu rows of 1 to %zu numbers", path,
                     entry->name, MODEL_MAX_VOCABULARY, MODEL_MAX_HIDDEN);
}

/* A number for each token; tokens 0 = any number of them. */
static aki_status check_vector(const safetensors_entry *entry, size_t tokens, const char *path,
                               aki_error *error)
{
    if (entry->rank == 1 && entry->shape[0] >= 1 && entry->shape[0] <= MODEL_MAX_VOCABULARY &&
        (tokens == 0 || entry->shape[0] == tokens))
        return AKI_OK;
    return error_set(error, AKI_MODEL_INVALID,
                     "'%s': tensor '%s' must be a vector of %s%zu numbers, one for each token", path,
                     entry->name, tokens == 0 ? "1 to " : "", tokens == 0 ? MODEL_MAX_VOCABULARY : tokens);
}

static aki_status read_sizes(model_config *config, bool by_modules, const safetensors *file, const char *path,
                             aki_error *error)
{
    const safetensors_entry *matrix = by_modules ? safetensors_find(file, STATIC_EMBEDDING_MATRIX) : NULL;
    aki_status status = AKI_OK;
    config->drops_unknown = true;
    if (matrix != NULL) {
        become_static_embedding(config);
        status = refuse_beside(file, MAPPING, path, error);
        if (status == AKI_OK)
            status = refuse_beside(file, WEIGHTS, path, error);
    } else {
        matrix = safetensors_find(file, MATRIX);
    }
    if (status == AKI_OK && matrix == NULL)
        status = error_set(error, AKI_MODEL_INVALID, "'%s' lacks the tensor '" MATRIX "'%s", path,
                           by_modules ? " or '" STATIC_EMBEDDING_MATRIX "'" : "");
    if (status == AKI_OK)
        status = check_matrix(matrix, path, error);
    if (status != AKI_OK)
        return status;
    config->matrix_rows = config->vocabulary_size = matrix->shape[0];
    config->hidden_size = matrix->shape[1];
    const safetensors_entry *rows_of = config->drops_unknown ? safetensors_find(file, MAPPING) : NULL;
    if (rows_of == NULL)
        return AKI_OK;
    status = check_vector(rows_of, 0, path, error);
    config->vocabulary_size = rows_of->shape[0];
    return status;
}

aki_status static_read_sizes(model_config *config, const model_modules *modules, aki_error *error)
{
    weight_files files;
    aki_status status = weight_files_open(&files, modules->transformer, error);
    if (status == AKI_OK)
        status = read_sizes(config, modules->is_static, files.tensors, files.path, error);
    weight_files_close(&files);
    return status;
}

static aki_status read_mapping(uint32_t *rows, const model_config *config, const safetensors_entry *entry,
                               const unsigned char *data, const char *path, aki_error *error)
{
    const bool wide = strcmp(entry->dtype, "I64") == 0;
    if (!wide && strcmp(entry->dtype, "I32") != 0)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': tensor '%s' is of type %s; supported are I32 and I64", path, entry->name,
                         entry->dtype);
    for (size_t i = 0; i < config->vocabulary_size; i++) {
        int32_t narrow;
        int64_t row;
        memcpy(&narrow, data + entry->begin + i * (wide ? sizeof row : sizeof narrow), sizeof narrow);
        row = narrow;
        if (wide)
            memcpy(&row, data + entry->begin + i * sizeof row, sizeof row);
        if (row < 0 || (uint64_t)row >= config->matrix_rows)
            return error_set(error, AKI_MODEL_INVALID,
                             "'%s': tensor '%s' gives token %zu the row %lld; '" MATRIX "' has %zu rows",
                             path, entry->name, i, (long long)row, config->matrix_rows);
        rows[i] = (uint32_t)row;
    }
    return AKI_OK;
}

static aki_status read_weights(float *weights, const model_config *config, const safetensors_entry *entry,
                               const unsigned char *data, const char *path, aki_error *error)
{
    const size_t count = config->vocabulary_size;
    model_dtype dtype = MODEL_F32;
    aki_status status = AKI_OK;
    const bool wide = strcmp(entry->dtype, "F64") == 0;
    if (!wide)
        status = weights_dtype(entry, path, &dtype, error);
    if (status == AKI_OK && !wide)
        tensor_read_f32(&(model_tensor){data + entry->begin, dtype, 1, count}, 0, count, weights);
    for (size_t i = 0; i < count && status == AKI_OK; i++) {
        double weight;
        if (wide) {
            memcpy(&weight, data + entry->begin + i * sizeof weight, sizeof weight);
            weights[i] = (float)weight;
        }
        if (!isfinite(weights[i]))
            status = error_set(error, AKI_MODEL_INVALID,
                               "'%s': tensor '%s' holds NaN or infinity for token %zu", path, entry->name, i);
    }
    return status;
}

aki_status static_bind_tokens(model_weights *weights, const model_config *config, const safetensors *file,
                              const unsigned char *data, const char *path, aki_error *error)
{
    const size_t tokens = config->vocabulary_size;
    const safetensors_entry *rows_of = safetensors_find(file, MAPPING),
                            *factors = safetensors_find(file, WEIGHTS);
    aki_status status = AKI_OK;
    if (rows_of != NULL)
        status = check_vector(rows_of, tokens, path, error);
    if (status == AKI_OK && factors != NULL)
        status = check_vector(factors, tokens, path, error);
    if (status != AKI_OK)
        return status;
    weights->token_rows = rows_of != NULL ? mem_alloc(tokens, sizeof *weights->token_rows) : NULL;
    weights->token_weights = factors != NULL ? mem_alloc(tokens, sizeof *weights->token_weights) : NULL;
    if ((rows_of != NULL && weights->token_rows == NULL) ||
        (factors != NULL && weights->token_weights == NULL))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the rows of %zu tokens", tokens);
    if (rows_of != NULL)
        status = read_mapping(weights->token_rows, config, rows_of, data, path, error);
    if (status == AKI_OK && factors != NULL)
        status = read_weights(weights->token_weights, config, factors, data, path, error);
    return status;
}
