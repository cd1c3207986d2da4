/* MPNet: BERT's encoder without token types, with RoBERTa's positions and a bias on the scores of all layers that depends on the
 * distance of query and key. In the reference padding is token 1, and distances fall into 32 buckets, whatever the configuration says. */
#include "model/families.h"

#include "base/error.h"
#include "model/limits.h"

#define PADDING 1

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    size_t buckets = 0;
    const config_size sizes[] = {
        {"vocab_size", 1, MODEL_MAX_VOCABULARY, 30527, &config->vocabulary_size},
        {"hidden_size", 1, MODEL_MAX_HIDDEN, 768, &config->hidden_size},
        {"num_hidden_layers", 1, MODEL_MAX_LAYERS, 12, &config->layers},
        {"num_attention_heads", 1, MODEL_MAX_HEADS, 12, &config->heads},
        {"intermediate_size", 1, MODEL_MAX_INTERMEDIATE, 3072, &config->intermediate_size},
        {"max_position_embeddings", MODEL_MIN_TOKENS, MODEL_MAX_POSITIONS, 512, &config->max_positions},
        {"relative_attention_num_buckets", 1, MODEL_MAX_POSITIONS, MODEL_RELATIVE_BUCKETS, &buckets},
    };
    aki_status status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK)
        status = config_split_heads(config, fields, "hidden_size", "num_attention_heads", error);
    if (status == AKI_OK && buckets != MODEL_RELATIVE_BUCKETS)
        status = error_set(error, AKI_MODEL_UNSUPPORTED,
                           "'%s': \"relative_attention_num_buckets\" is %zu; supported: %d",
                           fields->file.path, buckets, MODEL_RELATIVE_BUCKETS);
    config->graph.relative_bias = true;
    if (status == AKI_OK)
        status = family_roberta_positions(config, fields, PADDING, error);
    if (status == AKI_OK)
        status = config_read_activation(fields, "hidden_act", &config->activation, error);
    return status == AKI_OK ? config_read_epsilon(fields, &config->layer_norm_epsilon, error) : status;
}

static const tensor_row embedding_rows[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, VOCABULARY, HIDDEN, "embeddings.word_embeddings.weight"),
    TENSOR_MATRIX(model_weights, position_embeddings, POSITIONS, HIDDEN,
                  "embeddings.position_embeddings.weight"),
    TENSOR_NORM(model_weights, embedding_norm, "embeddings.LayerNorm"),
    TENSOR_MATRIX(model_weights, relative_bias, BUCKETS, HEADS, "encoder.relative_attention_bias.weight"),
};

static const tensor_row layer_rows[] = {
    TENSOR_LINEAR(query, HIDDEN, HIDDEN, "attention.attn.q"),
    TENSOR_LINEAR(key, HIDDEN, HIDDEN, "attention.attn.k"),
    TENSOR_LINEAR(value, HIDDEN, HIDDEN, "attention.attn.v"),
    TENSOR_LINEAR(attention_output, HIDDEN, HIDDEN, "attention.attn.o"),
    TENSOR_NORM(model_layer, attention_norm, "attention.LayerNorm"),
    TENSOR_LINEAR(intermediate, INTERMEDIATE, HIDDEN, "intermediate.dense"),
    TENSOR_LINEAR(output, HIDDEN, INTERMEDIATE, "output.dense"),
    TENSOR_NORM(model_layer, output_norm, "output.LayerNorm"),
};

static const tensor_table embeddings = TENSOR_TABLE(embedding_rows), layer = TENSOR_TABLE(layer_rows);

static const model_classifier classifier = {.architecture = "MPNetForSequenceClassification",
                                            .dense = "classifier.dense",
                                            .activation = MODEL_HEAD_TANH,
                                            .out = "classifier.out_proj"};

static const model_mlm mlm = {.architecture = "MPNetForMaskedLM",
                              .dense = "lm_head.dense",
                              .norm = "lm_head.layer_norm",
                              .decoder = "lm_head.decoder",
                              .bias = "lm_head.bias",
                              .always_gelu = true};

const model_family family_mpnet = {
    .type = "mpnet",
    .arguments = CONFIG_ARGUMENTS "vocab_size hidden_size num_hidden_layers num_attention_heads "
                                  "intermediate_size max_position_embeddings hidden_act layer_norm_eps "
                                  "relative_attention_num_buckets attention_probs_dropout_prob "
                                  "hidden_dropout_prob ",
    .read = read,
    .prefix = "mpnet.",
    .embeddings = &embeddings,
    .layers_prefix = "encoder.layer.",
    .layer = &layer,
    .classifier = &classifier,
    .mlm = &mlm,
};
