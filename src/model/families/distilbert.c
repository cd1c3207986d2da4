/* DistilBERT: BERT's encoder without token types, under names of its own. Its layers' epsilon is fixed. */
#include "model/families.h"

#include "model/limits.h"

static aki_status read(model_config *config, const config_fields *fields, aki_error *error)
{
    const config_size sizes[] = {
        {"vocab_size", 1, MODEL_MAX_VOCABULARY, 30522, &config->vocabulary_size},
        {"dim", 1, MODEL_MAX_HIDDEN, 768, &config->hidden_size},
        {"n_layers", 1, MODEL_MAX_LAYERS, 6, &config->layers},
        {"n_heads", 1, MODEL_MAX_HEADS, 12, &config->heads},
        {"hidden_dim", 1, MODEL_MAX_INTERMEDIATE, 3072, &config->intermediate_size},
        {"max_position_embeddings", MODEL_MIN_TOKENS, MODEL_MAX_POSITIONS, 512, &config->max_positions},
    };
    /* Other names of fields above, which the reference takes too. */
    static const char *const aliases[] = {"hidden_size", "num_hidden_layers", "num_attention_heads"};
    config->layer_norm_epsilon = 1e-12F;
    aki_status status = AKI_OK;
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0] && status == AKI_OK; i++)
        status = config_only_absent(fields, aliases[i], error);
    if (status == AKI_OK)
        status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK)
        status = config_split_heads(config, fields, "dim", "n_heads", error);
    return status == AKI_OK ? config_read_activation(fields, "activation", &config->activation, error)
                            : status;
}

static const tensor_row embedding_rows[] = {
    TENSOR_MATRIX(model_weights, word_embeddings, VOCABULARY, HIDDEN, "embeddings.word_embeddings.weight"),
    TENSOR_MATRIX(model_weights, position_embeddings, POSITIONS, HIDDEN,
                  "embeddings.position_embeddings.weight"),
    TENSOR_NORM(model_weights, embedding_norm, "embeddings.LayerNorm"),
};

static const tensor_row layer_rows[] = {
    TENSOR_LINEAR(query, HIDDEN, HIDDEN, "attention.q_lin"),
    TENSOR_LINEAR(key, HIDDEN, HIDDEN, "attention.k_lin"),
    TENSOR_LINEAR(value, HIDDEN, HIDDEN, "attention.v_lin"),
    TENSOR_LINEAR(attention_output, HIDDEN, HIDDEN, "attention.out_lin"),
    TENSOR_NORM(model_layer, attention_norm, "sa_layer_norm"),
    TENSOR_LINEAR(intermediate, INTERMEDIATE, HIDDEN, "ffn.lin1"),
    TENSOR_LINEAR(output, HIDDEN, INTERMEDIATE, "ffn.lin2"),
    TENSOR_NORM(model_layer, output_norm, "output_layer_norm"),
};

static const tensor_table embeddings = TENSOR_TABLE(embedding_rows), layer = TENSOR_TABLE(layer_rows);

static const model_classifier classifier = {.architecture = "DistilBertForSequenceClassification",
                                            .dense = "pre_classifier",
                                            .activation = MODEL_HEAD_RELU,
                                            .out = "classifier"};

static const model_mlm mlm = {.architecture = "DistilBertForMaskedLM",
                              .dense = "vocab_transform",
                              .norm = "vocab_layer_norm",
                              .decoder = "vocab_projector"};

const model_family family_distilbert = {
    .type = "distilbert",
    /* sinusoidal_pos_embds decides how the table of positions was made, which lies in the file either way. */
    .arguments = CONFIG_ARGUMENTS "vocab_size dim n_layers n_heads hidden_dim max_position_embeddings "
                                  "activation dropout attention_dropout qa_dropout seq_classif_dropout "
                                  "sinusoidal_pos_embds ",
    .read = read,
    .prefix = "distilbert.",
    .embeddings = &embeddings,
    .layers_prefix = "transformer.layer.",
    .layer = &layer,
    .classifier = &classifier,
    .mlm = &mlm,
};
