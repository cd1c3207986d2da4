/* Static models: a text's vector is the mean of the rows that its tokens have in one matrix. There are no layers, and the sizes are those
 * of the weight file (static_model.h). Two makers differ in which tokens count:
 *
 * model2vec (potion): unknown tokens are left out, and config.json says how many tokens count and whether vectors are normalised.
 * StaticEmbedding of sentence-transformers: every token of tokenizer.json counts; there is no config.json. */
#include "model/families.h"

#include "model/limits.h"

#define USUAL_TOKENS 512

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    size_t most = 0;
    const config_size sizes[] = {{"max_length", MODEL_MIN_TOKENS, SIZE_MAX / 2, USUAL_TOKENS, &most, NULL}};
    aki_status status = config_read_sizes(fields, sizes, 1, error);
    if (status != AKI_OK)
        return status;
    if (json_is_null(json_object_get(fields->file.root, "max_length"))) /* it is there and null: no limit */
        most = MODEL_STATIC_TOKENS;
    config->max_tokens = most < MODEL_STATIC_TOKENS ? most : MODEL_STATIC_TOKENS;
    config->max_positions = config->max_tokens;
    return config_read_flag(fields, "normalize", &config->normalizes, error);
}

static const tensor_row model2vec_rows[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, ROWS, HIDDEN, "embeddings"),
};
static const tensor_row static_embedding_rows[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, ROWS, HIDDEN, "embedding.weight"),
};
static const tensor_table model2vec = TENSOR_TABLE(model2vec_rows),
                          static_embedding = TENSOR_TABLE(static_embedding_rows), no_layer = {NULL, 0};

const model_family family_model2vec = {
    .type = "model2vec",
    .arguments = "",
    .read = read,
    .prefix = "",
    .embeddings = &model2vec,
    .layers_prefix = "",
    .layer = &no_layer,
};

const model_family family_static_embedding = {
    .type = "static-embedding",
    .arguments = "",
    .read = read,
    .prefix = "",
    .embeddings = &static_embedding,
    .layers_prefix = "",
    .layer = &no_layer,
};
