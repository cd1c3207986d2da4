/* BERT. Defaults are those of transformers' BertConfig. */
#include "model/families.h"

#include "model/limits.h"

aki_status family_bert_read(model_config *config, const config_fields *fields, aki_error *error)
{
    const config_size sizes[] = {
        {"vocab_size", 1, MODEL_MAX_VOCABULARY, 30522, &config->vocabulary_size},
        {"hidden_size", 1, MODEL_MAX_HIDDEN, 768, &config->hidden_size},
        {"num_hidden_layers", 1, MODEL_MAX_LAYERS, 12, &config->layers},
        {"num_attention_heads", 1, MODEL_MAX_HEADS, 12, &config->heads},
        {"intermediate_size", 1, MODEL_MAX_INTERMEDIATE, 3072, &config->intermediate_size},
        {"max_position_embeddings", MODEL_MIN_TOKENS, MODEL_MAX_POSITIONS, 512, &config->max_positions},
        {"type_vocab_size", 1, MODEL_MAX_TOKEN_TYPES, 2, &config->token_types},
    };
    aki_status status = config_only_text(fields, "position_embedding_type", "absolute", error);
    if (status == AKI_OK)
        status = config_only_false(fields, "is_decoder", error);
    if (status == AKI_OK)
        status = config_only_false(fields, "add_cross_attention", error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK)
        status = config_split_heads(config, fields, "hidden_size", "num_attention_heads", error);
    if (status == AKI_OK)
        status = config_read_activation(fields, "hidden_act", &config->activation, error);
    return status == AKI_OK ? config_read_epsilon(fields, &config->layer_norm_epsilon, error) : status;
}

static const tensor_row embeddings[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, VOCABULARY, HIDDEN, "embeddings.word_embeddings.weight"),
    TENSOR_MATRIX(model_weights, position_embeddings, POSITIONS, HIDDEN,
                  "embeddings.position_embeddings.weight"),
    TENSOR_MATRIX(model_weights, type_embeddings, TYPES, HIDDEN, "embeddings.token_type_embeddings.weight"),
    TENSOR_NORM(model_weights, embedding_norm, "embeddings.LayerNorm"),
};

static const tensor_row layer[] = {
    TENSOR_LINEAR(query, HIDDEN, HIDDEN, "attention.self.query"),
    TENSOR_LINEAR(key, HIDDEN, HIDDEN, "attention.self.key"),
    TENSOR_LINEAR(value, HIDDEN, HIDDEN, "attention.self.value"),
    TENSOR_LINEAR(attention_output, HIDDEN, HIDDEN, "attention.output.dense"),
    TENSOR_NORM(model_layer, attention_norm, "attention.output.LayerNorm"),
    TENSOR_LINEAR(intermediate, INTERMEDIATE, HIDDEN, "intermediate.dense"),
    TENSOR_LINEAR(output, HIDDEN, INTERMEDIATE, "output.dense"),
    TENSOR_NORM(model_layer, output_norm, "output.LayerNorm"),
};

const tensor_table family_bert_embeddings = TENSOR_TABLE(embeddings), family_bert_layer = TENSOR_TABLE(layer);

static const model_classifier classifier = {.architecture = "BertForSequenceClassification",
                                            .dense = "pooler.dense",
                                            .dense_in_body = true,
                                            .activation = MODEL_HEAD_TANH,
                                            .out = "classifier"};

static const model_mlm mlm = {.architecture = "BertForMaskedLM",
                              .dense = "cls.predictions.transform.dense",
                              .norm = "cls.predictions.transform.LayerNorm",
                              .decoder = "cls.predictions.decoder",
                              .bias = "cls.predictions.bias"};

const model_family family_bert = {
    .type = "bert",
    .arguments = FAMILY_BERT_ARGUMENTS,
    .read = family_bert_read,
    .prefix = "bert.",
    .embeddings = &family_bert_embeddings,
    .layers_prefix = "encoder.layer.",
    .layer = &family_bert_layer,
    .classifier = &classifier,
    .mlm = &mlm,
};
