#include "model/fingerprint.h"

#include "base/xxhash64.h"

static uint64_t add_tensor(uint64_t hash, const model_tensor *tensor)
{
    const uint64_t shape[] = {tensor->dtype, tensor->rows, tensor->columns};
    const size_t size = tensor->dtype == MODEL_F32 ? 4 : 2;
    return xxhash64(xxhash64(hash, shape, sizeof shape), tensor->data, tensor->rows * tensor->columns * size);
}

static uint64_t add_norm(uint64_t hash, const model_norm *norm)
{
    return add_tensor(add_tensor(hash, &norm->gamma), &norm->beta);
}

static uint64_t add_linear(uint64_t hash, const model_linear *linear)
{
    return add_tensor(add_tensor(hash, &linear->weight), &linear->bias);
}

static uint64_t add_layer(uint64_t hash, const model_layer *layer)
{
    hash = add_linear(add_linear(hash, &layer->query), &layer->key);
    hash = add_linear(add_linear(hash, &layer->value), &layer->attention_output);
    hash = add_norm(hash, &layer->attention_norm);
    hash = add_linear(add_linear(hash, &layer->intermediate), &layer->output);
    return add_norm(hash, &layer->output_norm);
}

uint64_t model_fingerprint(const model_config *config, const model_weights *weights)
{
    const uint64_t numbers[] = {config->vocabulary_size, config->hidden_size,   config->layers,
                                config->heads,           config->max_positions, config->intermediate_size,
                                config->token_types,     config->activation};
    uint64_t hash = xxhash64(0, numbers, sizeof numbers);
    hash = xxhash64(hash, &config->layer_norm_epsilon, sizeof config->layer_norm_epsilon);
    hash = add_tensor(add_tensor(hash, &weights->word_embeddings), &weights->position_embeddings);
    hash = add_norm(add_tensor(hash, &weights->type_embeddings), &weights->embedding_norm);
    for (size_t i = 0; i < config->layers; i++)
        hash = add_layer(hash, &weights->layers[i]);
    return hash;
}
