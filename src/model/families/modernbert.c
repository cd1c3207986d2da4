/* ModernBERT: norms before, without biases, gated feed-forward nets, and rotary positions whose theta differs between layers that see the
 * whole text and layers that see a window. The first layer takes the embeddings' norm as it is. */
#include "model/families.h"

#include "model/config_graph.h"

static const config_fixed fixed[] = {
    {.key = "attention_bias", .kind = CONFIG_FALSE},
    {.key = "mlp_bias", .kind = CONFIG_FALSE},
    {.key = "norm_bias", .kind = CONFIG_FALSE},
    {.key = "is_decoder", .kind = CONFIG_FALSE},
    {.key = "add_cross_attention", .kind = CONFIG_FALSE},
    {.key = "is_causal", .kind = CONFIG_FALSE},
    {.key = "rope_scaling", .kind = CONFIG_ABSENT},
    {.key = "num_key_value_heads", .kind = CONFIG_ABSENT},
    {.key = "head_dim", .kind = CONFIG_ABSENT},
};

static aki_status read_rotary(model_config *config, const config_fields *fields, aki_error *error)
{
    const config_rotary kinds[MODEL_REACHES] = {
        [MODEL_GLOBAL] = {"full_attention", "global_rope_theta", 160000.0F, CONFIG_SCALING_LINEAR},
        [MODEL_LOCAL] = {"sliding_attention", "local_rope_theta", 10000.0F, CONFIG_SCALING_LINEAR},
    };
    aki_status status = AKI_OK;
    for (size_t k = 0; k < MODEL_REACHES && status == AKI_OK; k++)
        status = config_read_rotary(config, fields, &kinds[k], &config->graph.rotary[k], error);
    return status;
}

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    size_t local = 0;
    const config_size sizes[] = {
        {"vocab_size", 1, MODEL_MAX_VOCABULARY, 50368, &config->vocabulary_size, NULL},
        {"hidden_size", 1, MODEL_MAX_HIDDEN, 768, &config->hidden_size, NULL},
        {"num_hidden_layers", 1, MODEL_MAX_LAYERS, 22, &config->layers, NULL},
        {"num_attention_heads", 1, MODEL_MAX_HEADS, 12, &config->heads, NULL},
        {"intermediate_size", 1, MODEL_MAX_INTERMEDIATE, 1152, &config->intermediate_size, NULL},
        {"max_position_embeddings", MODEL_MIN_TOKENS, MODEL_MAX_POSITIONS, 8192, &config->max_positions,
         NULL},
        {"local_attention", 2, 2 * MODEL_MAX_POSITIONS, 128, &local, NULL},
    };
    config->layer_norm_epsilon = 1e-5F;
    config->graph.pre_norm = config->graph.gated = true;
    aki_status status = config_check_fixed(fields, fixed, sizeof fixed / sizeof fixed[0], error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK)
        status = config_split_heads(config, fields, "hidden_size", "num_attention_heads", error);
    config->graph.window = local / 2;
    if (status == AKI_OK)
        status = config_read_layer_types(config, fields, "global_attn_every_n_layers", 3, 0, error);
    if (status == AKI_OK)
        status = read_rotary(config, fields, error);
    if (status == AKI_OK)
        status = config_read_activation(fields, "hidden_activation", &config->activation, error);
    return status == AKI_OK
               ? config_read_number(fields, "norm_eps", 1e-30, 1.0, &config->layer_norm_epsilon, error)
               : status;
}

static const tensor_row embedding_rows[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, VOCABULARY, HIDDEN, "embeddings.tok_embeddings.weight"),
    TENSOR_VECTOR(model_weights, embedding_norm.gamma, HIDDEN, "embeddings.norm.weight"),
    TENSOR_VECTOR(model_weights, final_norm.gamma, HIDDEN, "final_norm.weight"),
};

static const tensor_row layer_rows[] = {
    {.name = "attn_norm.weight",
     .field = offsetof(model_layer, before_attention.gamma),
     .rows = TENSOR_NONE,
     .columns = TENSOR_HIDDEN,
     .layers = TENSOR_NOT_IN_FIRST},
    TENSOR_PART(model_layer, query.weight, QUERY, HIDDEN, "attn.Wqkv.weight", 0, 3),
    TENSOR_PART(model_layer, key.weight, QUERY, HIDDEN, "attn.Wqkv.weight", 1, 3),
    TENSOR_PART(model_layer, value.weight, QUERY, HIDDEN, "attn.Wqkv.weight", 2, 3),
    TENSOR_MATRIX(model_layer, attention_output.weight, HIDDEN, QUERY, "attn.Wo.weight"),
    TENSOR_VECTOR(model_layer, before_feed_forward.gamma, HIDDEN, "mlp_norm.weight"),
    TENSOR_PART(model_layer, gate.weight, INTERMEDIATE, HIDDEN, "mlp.Wi.weight", 0, 2),
    TENSOR_PART(model_layer, intermediate.weight, INTERMEDIATE, HIDDEN, "mlp.Wi.weight", 1, 2),
    TENSOR_MATRIX(model_layer, output.weight, HIDDEN, INTERMEDIATE, "mlp.Wo.weight"),
};

static const tensor_table embeddings = TENSOR_TABLE(embedding_rows), layer = TENSOR_TABLE(layer_rows);

static const model_classifier classifier = {.architecture = "ModernBertForSequenceClassification",
                                            .dense = "head.dense",
                                            .norm = "head.norm",
                                            .activation = MODEL_HEAD_GELU,
                                            .by_config = true,
                                            .out = "classifier"};

static const model_mlm mlm = {.architecture = "ModernBertForMaskedLM",
                              .dense = "head.dense",
                              .norm = "head.norm",
                              .decoder = "decoder",
                              .by_config = true};

const model_family family_modernbert = {
    .type = "modernbert",
    .arguments = CONFIG_ARGUMENTS,
    .read = read,
    .prefix = "model.",
    .embeddings = &embeddings,
    .layers_prefix = "layers.",
    .layer = &layer,
    .classifier = &classifier,
    .mlm = &mlm,
};
