/* NomicBERT with mixtures of experts (nomic-embed-text-v2-moe): every second layer, or every n-th, has experts instead of its feed-forward
 * net, and the others have BERT's. Linear layers have biases, but neither router nor experts, which share one of their outputs. */
#include "model/families.h"

#include "base/error.h"

static const config_fixed fixed[] = {
    {.key = "qkv_proj_bias", .kind = CONFIG_TRUE},
    {.key = "mlp_fc1_bias", .kind = CONFIG_TRUE},
    {.key = "mlp_fc2_bias", .kind = CONFIG_TRUE},
    {.key = "activation_function", .kind = CONFIG_TEXT, .text = "gelu"},
    {.key = "hidden_act", .kind = CONFIG_TEXT, .text = "gelu"},
    {.key = "moe_normalize_expert_weights", .kind = CONFIG_FALSE},
    {.key = "moe_impl", .kind = CONFIG_TEXT, .text = "megablocks"},
    {.key = "num_shared_experts", .kind = CONFIG_NUMBER, .number = 0.0},
};

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    model_graph *graph = &config->graph;
    const config_size sizes[] = {
        {"num_experts", 1, MODEL_MAX_EXPERTS, 0, &graph->experts, NULL},
        {"moe_every_n_layers", 2, MODEL_MAX_LAYERS, 0, &graph->mixture_every, NULL},
        {"moe_top_k", 1, MODEL_MAX_EXPERTS, 0, &graph->chosen, NULL},
    };
    config->activation = MODEL_GELU_ERF;
    aki_status status = config_check_fixed(fields, fixed, sizeof fixed / sizeof fixed[0], error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && status == AKI_OK; i++)
        if (*sizes[i].value == 0)
            status = error_set(error, AKI_MODEL_INVALID, "'%s' has \"num_experts\" but no \"%s\"",
                               fields->file.path, sizes[i].key);
    if (status == AKI_OK && graph->chosen > graph->experts)
        status =
            error_set(error, AKI_MODEL_INVALID, "'%s': \"moe_top_k\" (%zu) is above \"num_experts\" (%zu)",
                      fields->file.path, graph->chosen, graph->experts);
    return status == AKI_OK ? family_nomic_read(config, fields, error) : status;
}

#define NET(kind, target, rows, columns, name)                                                               \
    {                                                                                                        \
        name, NULL, offsetof(model_layer, target), TENSOR_##rows, TENSOR_##columns, 0, 0, TENSOR_##kind      \
    }

static const tensor_row layer_rows[] = {
    TENSOR_PART(model_layer, query.weight, QUERY, HIDDEN, "attn.Wqkv.weight", 0, 3),
    TENSOR_PART(model_layer, key.weight, QUERY, HIDDEN, "attn.Wqkv.weight", 1, 3),
    TENSOR_PART(model_layer, value.weight, QUERY, HIDDEN, "attn.Wqkv.weight", 2, 3),
    TENSOR_PART(model_layer, query.bias, NONE, QUERY, "attn.Wqkv.bias", 0, 3),
    TENSOR_PART(model_layer, key.bias, NONE, QUERY, "attn.Wqkv.bias", 1, 3),
    TENSOR_PART(model_layer, value.bias, NONE, QUERY, "attn.Wqkv.bias", 2, 3),
    TENSOR_LINEAR(attention_output, HIDDEN, QUERY, "attn.out_proj"),
    TENSOR_NORM(model_layer, attention_norm, "norm1"),
    NET(NOT_IN_MIXTURES, intermediate.weight, INTERMEDIATE, HIDDEN, "mlp.fc1.weight"),
    NET(NOT_IN_MIXTURES, intermediate.bias, NONE, INTERMEDIATE, "mlp.fc1.bias"),
    NET(NOT_IN_MIXTURES, output.weight, HIDDEN, INTERMEDIATE, "mlp.fc2.weight"),
    NET(NOT_IN_MIXTURES, output.bias, NONE, HIDDEN, "mlp.fc2.bias"),
    NET(IN_MIXTURES, router, EXPERTS, HIDDEN, "mlp.router.layer.weight"),
    NET(IN_MIXTURES, experts_in, EXPERT_ROWS, HIDDEN, "mlp.experts.mlp.w1"),
    NET(IN_MIXTURES, experts_out, EXPERT_ROWS, HIDDEN, "mlp.experts.mlp.w2"),
    NET(IN_MIXTURES, experts_bias, NONE, HIDDEN, "mlp.experts.bias"),
    TENSOR_NORM(model_layer, output_norm, "norm2"),
};

static const tensor_table layer = TENSOR_TABLE(layer_rows);

const model_family family_nomic_moe = {
    .type = "nomic_bert",
    .code = "NomicBertModel",
    .arguments = CONFIG_ARGUMENTS,
    .read = read,
    .prefix = "bert.",
    .embeddings = &family_nomic_embeddings,
    .layers_prefix = "encoder.layers.",
    .layer = &layer,
};
