#include "engine/cuda/shape.h"

#include <stdio.h>

static cuda_activation activation_of(model_activation activation)
{
    switch (activation) {
    case MODEL_GELU_TANH:
        return CUDA_GELU_TANH;
    case MODEL_RELU:
        return CUDA_RELU;
    case MODEL_GELU_ERF:
        break;
    }
    return CUDA_GELU_ERF;
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
    if (config->graph.positions_skip_padding || config->graph.relative_bias || config->token_types == 0) {
        snprintf(message, DEVICE_MESSAGE_BYTES,
                 "models of this family have positions or token types that only the CPU computes");
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
