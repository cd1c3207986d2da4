/* JinaBERT v2 (jina-embeddings-v2-base-en, -de, -es, -zh): BERT's layers with ALiBi in place of a table of positions and a gated
 * feed-forward net. Its model_type is "bert"; it is known by the publisher's class.
 *
 * The variant for code (jina-embeddings-v2-base-code) has a class of the same name, from the repository jinaai/jina-bert-v2-qk-post-norm.
 * Queries and keys have a LayerNorm over all heads. The attention's input is added to the residual stream a second time, behind
 * the attention's norm, and layer_norm_1 is of that sum. The gate is the second half of its matrix, not the first. */
#include "model/families.h"

#include <string.h>

#include "base/error.h"
#include "model/config_graph.h"

static const config_fixed fixed[] = {
    {.key = "is_decoder", .kind = CONFIG_FALSE},
    {.key = "add_cross_attention", .kind = CONFIG_FALSE},
    {.key = "use_qk_norm", .kind = CONFIG_FALSE},
    {.key = "use_flash_attn_rotary", .kind = CONFIG_FALSE},
    {.key = "num_key_value_heads", .kind = CONFIG_ABSENT},
    {.key = "rope_parameters", .kind = CONFIG_ABSENT},
    {.key = "rope_scaling", .kind = CONFIG_ABSENT},
    {.key = "num_loras", .kind = CONFIG_ABSENT},
    {.key = "lora_adaptations", .kind = CONFIG_ABSENT},
};

/* "geglu" or "reglu", which names the gate's activation; "original" would be BERT's net. */
static aki_status read_net(model_config *config, const config_fields *fields, aki_error *error)
{
    const char *kind = "original";
    aki_status status = config_read_text(fields, "feed_forward_type", &kind, error);
    if (status != AKI_OK)
        return status;
    if (strcmp(kind, "geglu") != 0 && strcmp(kind, "reglu") != 0)
        return config_unsupported(fields, "feed_forward_type", kind, "geglu, reglu", error);
    config->graph.gated = true;
    config->activation = kind[0] == 'r' ? MODEL_RELU : MODEL_GELU_ERF;
    return AKI_OK;
}

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    const config_size sizes[] = {
        {"vocab_size", 1, MODEL_MAX_VOCABULARY, 30522, &config->vocabulary_size, NULL},
        {"hidden_size", 1, MODEL_MAX_HIDDEN, 768, &config->hidden_size, NULL},
        {"num_hidden_layers", 1, MODEL_MAX_LAYERS, 12, &config->layers, NULL},
        {"num_attention_heads", 1, MODEL_MAX_HEADS, 12, &config->heads, NULL},
        {"intermediate_size", 1, MODEL_MAX_INTERMEDIATE, 3072, &config->intermediate_size, NULL},
        {"max_position_embeddings", MODEL_MIN_TOKENS, MODEL_MAX_POSITIONS, 512, &config->max_positions, NULL},
        {"type_vocab_size", 1, MODEL_MAX_TOKEN_TYPES, 2, &config->token_types, NULL},
    };
    const char *positions = "absolute";
    aki_status status = config_check_fixed(fields, fixed, sizeof fixed / sizeof fixed[0], error);
    if (status == AKI_OK)
        status = config_read_text(fields, "position_embedding_type", &positions, error);
    if (status == AKI_OK && strcmp(positions, "alibi") != 0)
        status = config_unsupported(fields, "position_embedding_type", positions, "alibi", error);
    config->graph.alibi = true;
    if (status == AKI_OK)
        status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK)
        status = config_split_heads(config, fields, "hidden_size", "num_attention_heads", error);
    if (status == AKI_OK)
        status = read_net(config, fields, error);
    return status == AKI_OK ? config_read_epsilon(fields, &config->layer_norm_epsilon, error) : status;
}

static aki_status read_code(model_config *config, const config_fields *fields, aki_error *error)
{
    config->graph.joint_head_norms = config->graph.attention_input_twice = true;
    return read(config, fields, error);
}

static const tensor_row embedding_rows[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, VOCABULARY, HIDDEN, "embeddings.word_embeddings.weight"),
    TENSOR_MATRIX(model_weights, type_embeddings, TYPES, HIDDEN, "embeddings.token_type_embeddings.weight"),
    TENSOR_NORM(model_weights, embedding_norm, "embeddings.LayerNorm"),
};

#define ATTENTION                                                                                            \
    TENSOR_LINEAR(query, HIDDEN, HIDDEN, "attention.self.query"),                                            \
        TENSOR_LINEAR(key, HIDDEN, HIDDEN, "attention.self.key"),                                            \
        TENSOR_LINEAR(value, HIDDEN, HIDDEN, "attention.self.value"),                                        \
        TENSOR_LINEAR(attention_output, HIDDEN, HIDDEN, "attention.output.dense"),                           \
        TENSOR_NORM(model_layer, attention_norm, "attention.output.LayerNorm")

static const tensor_row layer_rows[] = {
    ATTENTION,
    TENSOR_PART(model_layer, gate.weight, INTERMEDIATE, HIDDEN, "mlp.gated_layers.weight", 0, 2),
    TENSOR_PART(model_layer, intermediate.weight, INTERMEDIATE, HIDDEN, "mlp.gated_layers.weight", 1, 2),
    TENSOR_LINEAR(output, HIDDEN, INTERMEDIATE, "mlp.wo"),
    TENSOR_NORM(model_layer, output_norm, "mlp.layernorm"),
};

static const tensor_row code_rows[] = {
    ATTENTION,
    TENSOR_NORM(model_layer, query_norm, "attention.self.layer_norm_q"),
    TENSOR_NORM(model_layer, key_norm, "attention.self.layer_norm_k"),
    TENSOR_NORM(model_layer, before_feed_forward, "layer_norm_1"),
    TENSOR_PART(model_layer, intermediate.weight, INTERMEDIATE, HIDDEN, "mlp.up_gated_layer.weight", 0, 2),
    TENSOR_PART(model_layer, gate.weight, INTERMEDIATE, HIDDEN, "mlp.up_gated_layer.weight", 1, 2),
    TENSOR_LINEAR(output, HIDDEN, INTERMEDIATE, "mlp.down_layer"),
    TENSOR_NORM(model_layer, output_norm, "layer_norm_2"),
};

static const tensor_table embeddings = TENSOR_TABLE(embedding_rows), layer = TENSOR_TABLE(layer_rows),
                          code_layer = TENSOR_TABLE(code_rows);

const model_family family_jina_bert = {
    .type = "bert",
    .code = "JinaBertModel",
    .arguments = CONFIG_ARGUMENTS,
    .read = read,
    .prefix = "bert.",
    .embeddings = &embeddings,
    .layers_prefix = "encoder.layer.",
    .layer = &layer,
};

const model_family family_jina_code = {
    .type = "bert",
    .code = "JinaBertModel",
    .repository = "jina-bert-v2-qk-post-norm",
    .arguments = CONFIG_ARGUMENTS,
    .read = read_code,
    .prefix = "bert.",
    .embeddings = &embeddings,
    .layers_prefix = "encoder.layer.",
    .layer = &code_layer,
};
