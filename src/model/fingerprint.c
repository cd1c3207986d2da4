#include "model/fingerprint.h"

#include "base/xxhash64.h"

static uint64_t add_rows(uint64_t hash, const model_tensor *tensor, size_t first, size_t rows)
{
    const uint64_t shape[] = {tensor->dtype, rows, tensor->columns};
    const size_t row_bytes =
        tensor->columns * (tensor->dtype == MODEL_F32 ? sizeof(float) : sizeof(uint16_t));
    hash = xxhash64(hash, shape, sizeof shape);
    return rows > 0 ? xxhash64(hash, tensor->data + first * row_bytes, rows * row_bytes) : hash;
}

static uint64_t add_list(uint64_t hash, const model_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = add_rows(hash, &tensors[i], 0, tensors[i].rows);
    return hash;
}

uint64_t model_fingerprint(const model_config *config, const model_weights *weights, size_t words)
{
    const uint64_t numbers[] = {config->vocabulary_size,
                                config->hidden_size,
                                config->layers,
                                config->heads,
                                config->max_positions,
                                config->intermediate_size,
                                config->token_types,
                                config->activation,
                                config->graph.positions_skip_padding,
                                (uint64_t)config->graph.padding_id,
                                config->graph.relative_bias,
                                config->head_size,
                                config->graph.alibi,
                                config->graph.window,
                                config->graph.causal,
                                config->graph.key_value_heads,
                                config->graph.norm,
                                config->graph.pre_norm,
                                config->graph.joint_head_norms,
                                config->graph.attention_input_twice,
                                config->graph.gated,
                                config->graph.experts,
                                config->graph.chosen,
                                config->graph.mixture_every};
    const float reals[] = {config->layer_norm_epsilon,
                           config->graph.rotary[MODEL_GLOBAL].theta,
                           config->graph.rotary[MODEL_GLOBAL].divisor,
                           config->graph.rotary[MODEL_LOCAL].theta,
                           config->graph.rotary[MODEL_LOCAL].divisor,
                           config->graph.score_divisor,
                           config->graph.embedding_scale};
    uint64_t hash = xxhash64(0, numbers, sizeof numbers);
    hash = xxhash64(hash, reals, sizeof reals);
    hash = xxhash64(hash, config->graph.local_layers, sizeof config->graph.local_layers);
    const model_tensor *embeddings = &weights->word_embeddings;
    if (words >= embeddings->rows)
        hash = add_rows(hash, embeddings, 0, embeddings->rows);
    for (size_t i = 0; words < embeddings->rows && i < words; i++)
        hash = add_rows(hash, embeddings, embeddings->rows / words * i, 1);
    hash = add_list(hash, weights->tensors + 1, MODEL_OUTER_TENSORS - 1);
    for (size_t i = 0; i < config->layers; i++)
        hash = add_list(hash, weights->layers[i].tensors, MODEL_LAYER_TENSORS);
    return hash;
}
