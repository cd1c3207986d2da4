/* NomicBERT (nomic-embed-text-v1 and v1.5): BERT's layers with rotary positions, a gated feed-forward net and no biases but those of
 * norms. Its config.json has either the fields of transformers or those of its publisher's code ("n_embd" and so on), which the weight
 * file follows in both cases. Mixtures of experts are in nomic_moe.c. */
#include "model/families.h"

#include "base/error.h"
#include "model/config_graph.h"
#include "model/limits.h"

static const config_fixed fixed[] = {
    {.key = "is_decoder", .kind = CONFIG_FALSE},
    {.key = "add_cross_attention", .kind = CONFIG_FALSE},
    {.key = "causal", .kind = CONFIG_FALSE},
    {.key = "prenorm", .kind = CONFIG_FALSE},
    {.key = "use_rms_norm", .kind = CONFIG_FALSE},
    {.key = "parallel_block", .kind = CONFIG_FALSE},
    {.key = "parallel_block_tied_norm", .kind = CONFIG_FALSE},
    {.key = "scale_attn_weights", .kind = CONFIG_TRUE},
    {.key = "scale_attn_by_inverse_layer_idx", .kind = CONFIG_FALSE},
    {.key = "reorder_and_upcast_attn", .kind = CONFIG_FALSE},
    {.key = "rotary_emb_interleaved", .kind = CONFIG_FALSE},
    {.key = "rotary_emb_fraction", .kind = CONFIG_NUMBER, .number = 1.0},
    {.key = "rotary_emb_scale_base", .kind = CONFIG_ABSENT},
    {.key = "rotary_scaling_factor", .kind = CONFIG_ABSENT},
    {.key = "rope_scaling", .kind = CONFIG_ABSENT},
    {.key = "use_alibi", .kind = CONFIG_FALSE},
    {.key = "expert_choice_router", .kind = CONFIG_FALSE},
    {.key = "ffn_div", .kind = CONFIG_NUMBER, .number = 1.0},
    {.key = "num_key_value_heads", .kind = CONFIG_ABSENT},
    {.key = "sliding_window", .kind = CONFIG_ABSENT},
};

/* Without mixtures. */
static const config_fixed fixed_here[] = {
    {.key = "moe_every_n_layers", .kind = CONFIG_NUMBER, .number = 0.0},
    {.key = "qkv_proj_bias", .kind = CONFIG_FALSE},
    {.key = "mlp_fc1_bias", .kind = CONFIG_FALSE},
    {.key = "mlp_fc2_bias", .kind = CONFIG_FALSE},
    {.key = "attention_bias", .kind = CONFIG_FALSE},
    {.key = "mlp_bias", .kind = CONFIG_FALSE},
    {.key = "activation_function", .kind = CONFIG_TEXT, .text = "swiglu"},
};

aki_status family_nomic_read(model_config *config, const config_fields *fields, aki_error *error)
{
    const bool older = config_has(fields, "n_embd");
    const config_size sizes[] = {
        {"vocab_size", 1, MODEL_MAX_VOCABULARY, 30528, &config->vocabulary_size, NULL},
        {"hidden_size", 1, MODEL_MAX_HIDDEN, 768, &config->hidden_size, "n_embd"},
        {"num_hidden_layers", 1, MODEL_MAX_LAYERS, 12, &config->layers, "n_layer"},
        {"num_attention_heads", 1, MODEL_MAX_HEADS, 12, &config->heads, "n_head"},
        {"intermediate_size", 1, MODEL_MAX_INTERMEDIATE, 3072, &config->intermediate_size, "n_inner"},
        {"max_position_embeddings", MODEL_MIN_TOKENS, MODEL_MAX_POSITIONS, 2048, &config->max_positions,
         "n_positions"},
        {"type_vocab_size", 0, MODEL_MAX_TOKEN_TYPES, 2, &config->token_types, NULL},
    };
    const config_rotary rotary = {
        .theta_key = "rotary_emb_base", .theta = older ? 10000.0F : 1000.0F, .most = CONFIG_SCALING_LINEAR};
    config->layer_norm_epsilon = 1e-12F;
    aki_status status = config_check_fixed(fields, fixed, sizeof fixed / sizeof fixed[0], error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK)
        status = config_read_heads(config, fields, 0, 0, error);
    if (status == AKI_OK)
        status = config_read_rotary(config, fields, &rotary, &config->graph.rotary[MODEL_GLOBAL], error);
    if (status == AKI_OK)
        status =
            config_read_number(fields, "layer_norm_epsilon", 1e-30, 1.0, &config->layer_norm_epsilon, error);
    return status == AKI_OK
               ? config_read_number(fields, "layer_norm_eps", 1e-30, 1.0, &config->layer_norm_epsilon, error)
               : status;
}

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    size_t experts = 0;
    const config_size mixtures = {"num_experts", 0, MODEL_MAX_EXPERTS, 0, &experts, NULL};
    aki_status status = config_read_sizes(fields, &mixtures, 1, error);
    if (status == AKI_OK && experts > 0) {
        config->family = &family_nomic_moe;
        return family_nomic_moe.read(config, fields, error);
    }
    config->activation = MODEL_SILU;
    config->graph.gated = true;
    if (status == AKI_OK)
        status = config_check_fixed(fields, fixed_here, sizeof fixed_here / sizeof fixed_here[0], error);
    if (status == AKI_OK)
        status = family_nomic_read(config, fields, error);
    return status == AKI_OK ? config_read_activation(fields, "hidden_act", &config->activation, error)
                            : status;
}

static const tensor_row embedding_rows[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, VOCABULARY, HIDDEN, "embeddings.word_embeddings.weight"),
    TENSOR_MATRIX(model_weights, type_embeddings, TYPES, HIDDEN, "embeddings.token_type_embeddings.weight"),
    TENSOR_NORM(model_weights, embedding_norm, "emb_ln"),
};

static const tensor_row layer_rows[] = {
    TENSOR_PART(model_layer, query.weight, QUERY, HIDDEN, "attn.Wqkv.weight", 0, 3),
    TENSOR_PART(model_layer, key.weight, QUERY, HIDDEN, "attn.Wqkv.weight", 1, 3),
    TENSOR_PART(model_layer, value.weight, QUERY, HIDDEN, "attn.Wqkv.weight", 2, 3),
    TENSOR_MATRIX(model_layer, attention_output.weight, HIDDEN, QUERY, "attn.out_proj.weight"),
    TENSOR_NORM(model_layer, attention_norm, "norm1"),
    TENSOR_MATRIX(model_layer, intermediate.weight, INTERMEDIATE, HIDDEN, "mlp.fc11.weight"),
    TENSOR_MATRIX(model_layer, gate.weight, INTERMEDIATE, HIDDEN, "mlp.fc12.weight"),
    TENSOR_MATRIX(model_layer, output.weight, HIDDEN, INTERMEDIATE, "mlp.fc2.weight"),
    TENSOR_NORM(model_layer, output_norm, "norm2"),
};

const tensor_table family_nomic_embeddings = TENSOR_TABLE(embedding_rows);
static const tensor_table layer = TENSOR_TABLE(layer_rows);

const model_family family_nomic_bert = {
    .type = "nomic_bert",
    .code = "NomicBertModel",
    .arguments = CONFIG_ARGUMENTS,
    .read = read,
    .prefix = "bert.",
    .embeddings = &family_nomic_embeddings,
    .layers_prefix = "encoder.layers.",
    .layer = &layer,
};
