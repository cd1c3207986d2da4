/* GTE's own encoder (gte-multilingual-base, gte-*-en-v1.5, arctic-embed-m-v2.0): BERT's layers with rotary positions and a gated
 * feed-forward net, whose second half is the gate. Its model_type was "new" while the publisher brought the code, and is "gte" in
 * transformers. The token types' table may be missing. */
#include "model/families.h"

#include <string.h>

#include "model/config_graph.h"

static const config_fixed fixed[] = {
    {.key = "position_embedding_type", .kind = CONFIG_TEXT, .text = "rope"},
    {.key = "layer_norm_type", .kind = CONFIG_TEXT, .text = "layer_norm"},
    {.key = "logn_attention_scale", .kind = CONFIG_FALSE},
    {.key = "logn_attention_clip1", .kind = CONFIG_FALSE},
    {.key = "pack_qkv", .kind = CONFIG_TRUE},
    {.key = "is_decoder", .kind = CONFIG_FALSE},
    {.key = "add_cross_attention", .kind = CONFIG_FALSE},
    {.key = "num_key_value_heads", .kind = CONFIG_ABSENT},
    {.key = "head_dim", .kind = CONFIG_ABSENT},
    {.key = "partial_rotary_factor", .kind = CONFIG_NUMBER, .number = 1.0},
};

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    const bool older = strcmp(config->family->type, "new") == 0;
    const config_size sizes[] = {
        {"vocab_size", 1, MODEL_MAX_VOCABULARY, older ? 30528 : 250048, &config->vocabulary_size, NULL},
        {"hidden_size", 1, MODEL_MAX_HIDDEN, 768, &config->hidden_size, NULL},
        {"num_hidden_layers", 1, MODEL_MAX_LAYERS, 12, &config->layers, NULL},
        {"num_attention_heads", 1, MODEL_MAX_HEADS, 12, &config->heads, NULL},
        {"intermediate_size", 1, MODEL_MAX_INTERMEDIATE, 3072, &config->intermediate_size, NULL},
        {"max_position_embeddings", MODEL_MIN_TOKENS, MODEL_MAX_POSITIONS, older ? 2048 : 8192,
         &config->max_positions, NULL},
        {"type_vocab_size", 0, MODEL_MAX_TOKEN_TYPES, 1, &config->token_types, NULL},
    };
    const config_rotary rotary = {NULL, "rope_theta", older ? 10000.0F : 160000.0F, CONFIG_SCALING_NTK};
    config->graph.gated = true;
    aki_status status = config_check_fixed(fields, fixed, sizeof fixed / sizeof fixed[0], error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK)
        status = config_split_heads(config, fields, "hidden_size", "num_attention_heads", error);
    if (status == AKI_OK)
        status = config_read_rotary(config, fields, &rotary, &config->graph.rotary[MODEL_GLOBAL], error);
    if (status == AKI_OK)
        status = config_read_activation(fields, "hidden_act", &config->activation, error);
    return status == AKI_OK ? config_read_epsilon(fields, &config->layer_norm_epsilon, error) : status;
}

static const tensor_row embedding_rows[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, VOCABULARY, HIDDEN, "embeddings.word_embeddings.weight"),
    TENSOR_MATRIX(model_weights, type_embeddings, TYPES, HIDDEN, "embeddings.token_type_embeddings.weight"),
    TENSOR_NORM(model_weights, embedding_norm, "embeddings.LayerNorm"),
};

static const tensor_row layer_rows[] = {
    TENSOR_PART(model_layer, query.weight, QUERY, HIDDEN, "attention.qkv_proj.weight", 0, 3),
    TENSOR_PART(model_layer, key.weight, QUERY, HIDDEN, "attention.qkv_proj.weight", 1, 3),
    TENSOR_PART(model_layer, value.weight, QUERY, HIDDEN, "attention.qkv_proj.weight", 2, 3),
    TENSOR_PART(model_layer, query.bias, NONE, QUERY, "attention.qkv_proj.bias", 0, 3),
    TENSOR_PART(model_layer, key.bias, NONE, QUERY, "attention.qkv_proj.bias", 1, 3),
    TENSOR_PART(model_layer, value.bias, NONE, QUERY, "attention.qkv_proj.bias", 2, 3),
    TENSOR_LINEAR(attention_output, HIDDEN, QUERY, "attention.o_proj"),
    TENSOR_NORM(model_layer, attention_norm, "attn_ln"),
    TENSOR_PART(model_layer, intermediate.weight, INTERMEDIATE, HIDDEN, "mlp.up_gate_proj.weight", 0, 2),
    TENSOR_PART(model_layer, gate.weight, INTERMEDIATE, HIDDEN, "mlp.up_gate_proj.weight", 1, 2),
    TENSOR_LINEAR(output, HIDDEN, INTERMEDIATE, "mlp.down_proj"),
    TENSOR_NORM(model_layer, output_norm, "mlp_ln"),
};

static const tensor_table embeddings = TENSOR_TABLE(embedding_rows), layer = TENSOR_TABLE(layer_rows);

#define MLM(name, class, gelu)                                                                               \
    static const model_mlm name = {.architecture = class,                                                    \
                                   .dense = "lm_head.dense",                                                 \
                                   .norm = "lm_head.norm",                                                   \
                                   .decoder = "lm_head.decoder",                                             \
                                   .always_gelu = gelu}

MLM(gte_mlm, "GteForMaskedLM", true);
MLM(new_mlm, "NewForMaskedLM", false);

#define CLASSIFIER(name, class)                                                                              \
    static const model_classifier name = {.architecture = class,                                             \
                                          .dense = "pooler.dense",                                           \
                                          .dense_in_body = true,                                             \
                                          .activation = MODEL_HEAD_TANH,                                     \
                                          .out = "classifier"}

CLASSIFIER(gte_classifier, "GteForSequenceClassification");
CLASSIFIER(new_classifier, "NewForSequenceClassification");

#define ROW(name, model_type, class, head, mask)                                                             \
    const model_family name = {                                                                              \
        .type = model_type,                                                                                  \
        .code = class,                                                                                       \
        .arguments = CONFIG_ARGUMENTS,                                                                       \
        .read = read,                                                                                        \
        .prefix = "new.",                                                                                    \
        .embeddings = &embeddings,                                                                           \
        .layers_prefix = "encoder.layer.",                                                                   \
        .layer = &layer,                                                                                     \
        .classifier = &(head),                                                                               \
        .mlm = &(mask),                                                                                      \
    }

ROW(family_gte, "gte", "GteModel", gte_classifier, gte_mlm);
ROW(family_new, "new", "NewModel", new_classifier, new_mlm);
