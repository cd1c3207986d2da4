/* Gemma 3 as an encoder (EmbeddingGemma): scaled embeddings, RMSNorm by 1 + weight before and behind attention and feed-forward net, norms
 * of each head of queries and keys, grouped heads, and layers of two reaches with a theta of their own. With
 * "use_bidirectional_attention" every token sees both sides, a window half as wide as "sliding_window"; else none sees what is behind it. */
#include "model/families.h"

#include <math.h>

#include "base/error.h"
#include "model/config_graph.h"

static const config_fixed fixed[] = {
    {.key = "attention_bias", .kind = CONFIG_FALSE},
    {.key = "mlp_bias", .kind = CONFIG_FALSE},
    {.key = "add_cross_attention", .kind = CONFIG_FALSE},
    {.key = "attn_logit_softcapping", .kind = CONFIG_ABSENT},
    {.key = "rope_scaling", .kind = CONFIG_ABSENT},
    {.key = "partial_rotary_factor", .kind = CONFIG_NUMBER, .number = 1.0},
    {.key = "num_experts", .kind = CONFIG_NUMBER, .number = 0.0},
    {.key = "hidden_size_per_layer_input", .kind = CONFIG_ABSENT},
    {.key = "num_kv_shared_layers", .kind = CONFIG_NUMBER, .number = 0.0},
    {.key = "laurel_rank", .kind = CONFIG_ABSENT},
    {.key = "global_head_dim", .kind = CONFIG_ABSENT},
};

static aki_status read_rotary(model_config *config, const config_fields *fields, aki_error *error)
{
    const config_rotary kinds[MODEL_REACHES] = {
        [MODEL_GLOBAL] = {"full_attention", "rope_theta", 1e6F, CONFIG_SCALING_LINEAR},
        [MODEL_LOCAL] = {"sliding_attention", "rope_local_base_freq", 1e4F, CONFIG_SCALING_LINEAR},
    };
    aki_status status = AKI_OK;
    for (size_t k = 0; k < MODEL_REACHES && status == AKI_OK; k++)
        status = config_read_rotary(config, fields, &kinds[k], &config->graph.rotary[k], error);
    return status;
}

static aki_status read_attention(model_config *config, const config_fields *fields, size_t window,
                                 aki_error *error)
{
    bool both_sides = false;
    float scalar = 256.0F;
    aki_status status = config_read_flag(fields, "use_bidirectional_attention", &both_sides, error);
    config->graph.causal = !both_sides;
    config->graph.window = both_sides ? window / 2 : window - 1;
    if (status == AKI_OK)
        status = config_read_layer_types(config, fields, "sliding_window_pattern", 6, 1, error);
    if (status == AKI_OK)
        status = config_read_number(fields, "query_pre_attn_scalar", 1e-6, 1e9, &scalar, error);
    config->graph.score_divisor = sqrtf(scalar);
    return status == AKI_OK ? read_rotary(config, fields, error) : status;
}

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    size_t window = 0;
    const config_size sizes[] = {
        {"vocab_size", 1, MODEL_MAX_VOCABULARY, 262208, &config->vocabulary_size, NULL},
        {"hidden_size", 1, MODEL_MAX_HIDDEN, 2304, &config->hidden_size, NULL},
        {"num_hidden_layers", 1, MODEL_MAX_LAYERS, 26, &config->layers, NULL},
        {"num_attention_heads", 1, MODEL_MAX_HEADS, 8, &config->heads, NULL},
        {"intermediate_size", 1, MODEL_MAX_INTERMEDIATE, 9216, &config->intermediate_size, NULL},
        {"max_position_embeddings", MODEL_MIN_TOKENS, MODEL_MAX_POSITIONS, 2048, &config->max_positions,
         NULL},
        {"sliding_window", 2, 2 * MODEL_MAX_POSITIONS, 4096, &window, NULL},
    };
    config->activation = MODEL_GELU_TANH;
    config->layer_norm_epsilon = 1e-6F;
    config->graph.norm = MODEL_RMS_NORM_FROM_ONE;
    config->graph.pre_norm = config->graph.gated = true;
    aki_status status = config_check_fixed(fields, fixed, sizeof fixed / sizeof fixed[0], error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK)
        status = config_read_heads(config, fields, 4, 256, error);
    if (status == AKI_OK)
        status = read_attention(config, fields, window, error);
    config->graph.embedding_scale = (float)sqrt((double)config->hidden_size);
    if (status == AKI_OK)
        status = config_read_activation(fields, "hidden_activation", &config->activation, error);
    return status == AKI_OK
               ? config_read_number(fields, "rms_norm_eps", 1e-30, 1.0, &config->layer_norm_epsilon, error)
               : status;
}

static const tensor_row embedding_rows[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, VOCABULARY, HIDDEN, "embed_tokens.weight"),
    TENSOR_VECTOR(model_weights, final_norm.gamma, HIDDEN, "norm.weight"),
};

static const tensor_row layer_rows[] = {
    TENSOR_VECTOR(model_layer, before_attention.gamma, HIDDEN, "input_layernorm.weight"),
    TENSOR_MATRIX(model_layer, query.weight, QUERY, HIDDEN, "self_attn.q_proj.weight"),
    TENSOR_MATRIX(model_layer, key.weight, KEY, HIDDEN, "self_attn.k_proj.weight"),
    TENSOR_MATRIX(model_layer, value.weight, KEY, HIDDEN, "self_attn.v_proj.weight"),
    TENSOR_VECTOR(model_layer, query_norm.gamma, HEAD, "self_attn.q_norm.weight"),
    TENSOR_VECTOR(model_layer, key_norm.gamma, HEAD, "self_attn.k_norm.weight"),
    TENSOR_MATRIX(model_layer, attention_output.weight, HIDDEN, QUERY, "self_attn.o_proj.weight"),
    TENSOR_VECTOR(model_layer, attention_norm.gamma, HIDDEN, "post_attention_layernorm.weight"),
    TENSOR_VECTOR(model_layer, before_feed_forward.gamma, HIDDEN, "pre_feedforward_layernorm.weight"),
    TENSOR_MATRIX(model_layer, gate.weight, INTERMEDIATE, HIDDEN, "mlp.gate_proj.weight"),
    TENSOR_MATRIX(model_layer, intermediate.weight, INTERMEDIATE, HIDDEN, "mlp.up_proj.weight"),
    TENSOR_MATRIX(model_layer, output.weight, HIDDEN, INTERMEDIATE, "mlp.down_proj.weight"),
    TENSOR_VECTOR(model_layer, output_norm.gamma, HIDDEN, "post_feedforward_layernorm.weight"),
};

static const tensor_table embeddings = TENSOR_TABLE(embedding_rows), layer = TENSOR_TABLE(layer_rows);

const model_family family_gemma3_text = {
    .type = "gemma3_text",
    .arguments = CONFIG_ARGUMENTS,
    .read = read,
    .prefix = "model.",
    .embeddings = &embeddings,
    .layers_prefix = "layers.",
    .layer = &layer,
};
