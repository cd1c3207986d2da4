/* Qwen3 as an encoder (Qwen3-Embedding): RMSNorm before, causal attention with grouped heads of a size of their own, norms of each head
 * of queries and keys, gated feed-forward nets, no biases. "is_causal": false makes it see the whole text. */
#include "model/families.h"

#include "model/config_graph.h"

static const config_fixed fixed[] = {
    {.key = "attention_bias", .kind = CONFIG_FALSE},
    {.key = "mlp_bias", .kind = CONFIG_FALSE},
    {.key = "use_sliding_window", .kind = CONFIG_FALSE},
    {.key = "use_bidirectional_attention", .kind = CONFIG_FALSE},
    {.key = "add_cross_attention", .kind = CONFIG_FALSE},
    {.key = "use_mrope", .kind = CONFIG_FALSE},
    {.key = "num_experts", .kind = CONFIG_NUMBER, .number = 0.0},
    {.key = "partial_rotary_factor", .kind = CONFIG_NUMBER, .number = 1.0},
    {.key = "attn_logit_softcapping", .kind = CONFIG_ABSENT},
};

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    const config_size sizes[] = {
        {"vocab_size", 1, MODEL_MAX_VOCABULARY, 151936, &config->vocabulary_size, NULL},
        {"hidden_size", 1, MODEL_MAX_HIDDEN, 4096, &config->hidden_size, NULL},
        {"num_hidden_layers", 1, MODEL_MAX_LAYERS, 32, &config->layers, NULL},
        {"num_attention_heads", 1, MODEL_MAX_HEADS, 32, &config->heads, NULL},
        {"intermediate_size", 1, MODEL_MAX_INTERMEDIATE, 22016, &config->intermediate_size, NULL},
        {"max_position_embeddings", MODEL_MIN_TOKENS, MODEL_MAX_POSITIONS, 32768, &config->max_positions,
         NULL},
    };
    const config_rotary rotary = {NULL, "rope_theta", 10000.0F, CONFIG_SCALING_LINEAR};
    config->activation = MODEL_SILU;
    config->layer_norm_epsilon = 1e-6F;
    config->graph.norm = MODEL_RMS_NORM;
    config->graph.pre_norm = config->graph.gated = config->graph.causal = true;
    aki_status status = config_check_fixed(fields, fixed, sizeof fixed / sizeof fixed[0], error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK)
        status = config_read_heads(config, fields, 0, 128, error);
    if (status == AKI_OK)
        status = config_only_full(config, fields, error);
    if (status == AKI_OK)
        status = config_read_rotary(config, fields, &rotary, &config->graph.rotary[MODEL_GLOBAL], error);
    if (status == AKI_OK)
        status = config_read_flag(fields, "is_causal", &config->graph.causal, error);
    if (status == AKI_OK)
        status = config_read_activation(fields, "hidden_act", &config->activation, error);
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
    TENSOR_VECTOR(model_layer, before_feed_forward.gamma, HIDDEN, "post_attention_layernorm.weight"),
    TENSOR_MATRIX(model_layer, gate.weight, INTERMEDIATE, HIDDEN, "mlp.gate_proj.weight"),
    TENSOR_MATRIX(model_layer, intermediate.weight, INTERMEDIATE, HIDDEN, "mlp.up_proj.weight"),
    TENSOR_MATRIX(model_layer, output.weight, HIDDEN, INTERMEDIATE, "mlp.down_proj.weight"),
};

static const tensor_table embeddings = TENSOR_TABLE(embedding_rows), layer = TENSOR_TABLE(layer_rows);

static const model_classifier classifier = {.architecture = "Qwen3ForSequenceClassification",
                                            .pooling = AKI_POOLING_LAST,
                                            .out = "score",
                                            .out_without_bias = true};

/* Qwen3-Reranker; without an instruction of the caller with the one that its publisher uses for searches. */
static const model_question question = {
    .architecture = "Qwen3ForCausalLM",
    .before_instruction =
        "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the "
        "Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n"
        "<Instruct>: ",
    .instruction = "Given a web search query, retrieve relevant passages that answer the query",
    .before_first = "\n<Query>: ",
    .after_first = "\n<Document>:",
    .before_second = " ",
    .after_second = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    .yes = "yes",
    .no = "no",
    .out = "lm_head",
};

const model_family family_qwen3 = {
    .type = "qwen3",
    .arguments = CONFIG_ARGUMENTS,
    .read = read,
    .prefix = "model.",
    .embeddings = &embeddings,
    .layers_prefix = "layers.",
    .layer = &layer,
    .classifier = &classifier,
    .question = &question,
};
