#include "engine/cuda/shape.h"

#include <stdio.h>

static cuda_activation activation_of(model_activation activation)
{
    switch (activation) {
    case MODEL_GELU_TANH:
        return CUDA_GELU_TANH;
    case MODEL_RELU:
        return CUDA_RELU;
    case MODEL_SILU: /* refused */
    case MODEL_GELU_ERF:
        break;
    }
    return CUDA_GELU_ERF;
}

/* The first thing in the graph that there is no kernel for; NULL = none. */
static const char *lacking(const model_config *config)
{
    const model_graph *g = &config->graph;
    const struct {
        bool needed;
        const char *name;
    } parts[] = {
        {model_is_static(config), "no layers"},
        {g->positions_skip_padding, "positions that leave out padding"},
        {g->relative_bias, "relative positions"},
        {g->alibi, "ALiBi"},
        {g->rotary[MODEL_GLOBAL].theta > 0.0f || g->rotary[MODEL_LOCAL].theta > 0.0f, "rotary positions"},
        {g->window > 0, "a window of attention"},
        {g->causal, "causal attention"},
        {g->key_value_heads > 0, "grouped heads"},
        {g->score_divisor > 0.0f, "scores of another scale"},
        {g->norm != MODEL_LAYER_NORM, "RMSNorm"},
        {g->pre_norm, "norms before attention and feed-forward net"},
        {g->joint_head_norms, "norms of all heads together"},
        {g->attention_input_twice, "an input of attention that is added twice"},
        {g->gated, "a gated feed-forward net"},
        {g->experts > 0, "mixtures of experts"},
        {g->embedding_scale > 0.0f, "scaled embeddings"},
        {config->activation == MODEL_SILU, "the activation SiLU"},
        {config->token_types == 0, "no token types"},
        {config->heads * config->head_size != config->hidden_size, "heads of a size of their own"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].needed)
            return parts[i].name;
    return NULL;
}

bool cuda_shape_of(cuda_shape *shape, const device_model *m, char *message)
{
    const model_config *config = m->config;
    *shape = (cuda_shape){
        .hidden = config->hidden_size,
        .heads = config->heads,
        .head_size = config->head_size,
        .intermediate = config->intermediate_size,
        .layers = config->layers,
        .vocabulary = config->vocabulary_size,
        .positions = config->max_positions,
        .epsilon = config->layer_norm_epsilon,
        .activation = activation_of(config->activation),
        .number = m->precision == AKI_PRECISION_FP32 ? CUDA_FP32 : CUDA_BF16,
    };
    const char *only_cpu = lacking(m->config);
    if (only_cpu != NULL) {
        snprintf(message, DEVICE_MESSAGE_BYTES, "models of this family have %s, which only the CPU computes",
                 only_cpu);
        return false;
    }
    if (shape->hidden % CUDA_ALIGNED != 0 || shape->intermediate % CUDA_ALIGNED != 0) {
        snprintf(message, DEVICE_MESSAGE_BYTES,
                 "the model's hidden size %zu and intermediate size %zu must be multiples of %d",
                 shape->hidden, shape->intermediate, CUDA_ALIGNED);
        return false;
    }
    if (shape->head_size > CUDA_MAX_HEAD_SIZE) {
        snprintf(message, DEVICE_MESSAGE_BYTES,
                 "the model's attention heads have size %zu, at most %d is supported", shape->head_size,
                 CUDA_MAX_HEAD_SIZE);
        return false;
    }
    return true;
}
