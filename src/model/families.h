/* The families of models: what a model_type in config.json means. A family is a row, made in one file of model/families/.
 *
 * A row says how the fields of config.json become numbers and a graph, which is data that the forward pass follows, and by which
 * names and in which shapes the tensors lie in the weight file. Whoever adds a family writes such a file and lists it in MODEL_FAMILIES below, in
 * meson.build and in docs/MODELS.md. A field that would change the vectors and is not implemented is refused by its name. */
#ifndef MODEL_FAMILIES_H
#define MODEL_FAMILIES_H

#include "model/config_fields.h"

/* Lengths of dimensions; NONE in `rows` makes a vector. A table with no rows is not looked for. */
typedef enum tensor_extent {
    TENSOR_NONE,
    TENSOR_VOCABULARY,
    TENSOR_POSITIONS,
    TENSOR_TYPES,
    TENSOR_HIDDEN,
    TENSOR_INTERMEDIATE,
    TENSOR_HEADS,
    TENSOR_BUCKETS, /* of relative positions */
    TENSOR_QUERY,   /* heads * head_size */
    TENSOR_KEY,     /* key_value_heads * head_size */
    TENSOR_HEAD,    /* head_size */
    TENSOR_ROWS,    /* matrix_rows */
    TENSOR_EXPERTS,
    TENSOR_EXPERT_ROWS, /* experts * intermediate_size */
} tensor_extent;

/* Layers that have a tensor. */
typedef enum tensor_layers {
    TENSOR_IN_EVERY_LAYER,
    TENSOR_NOT_IN_FIRST,
    TENSOR_IN_MIXTURES,
    TENSOR_NOT_IN_MIXTURES,
} tensor_layers;

typedef struct tensor_row {
    const char *name;
    const char *older_name; /* NULL = never had another */
    size_t field;           /* offset of the model_tensor in model_weights, or in model_layer */
    tensor_extent rows, columns;
    /* The file's tensor consists of `parts` tensors of that shape, one after the other, and this is number `part` of them; parts 0: of this
     * one only. */
    unsigned char part, parts;
    tensor_layers layers;
} tensor_row;

#define TENSOR_MATRIX(type, field, rows, columns, name)                                                      \
    {                                                                                                        \
        name, NULL, offsetof(type, field), TENSOR_##rows, TENSOR_##columns, 0, 0, TENSOR_IN_EVERY_LAYER      \
    }
/* Number `part` of `parts` that stand in one tensor: a vector where `rows` is NONE. */
#define TENSOR_PART(type, field, rows, columns, name, part, parts)                                           \
    {                                                                                                        \
        name, NULL, offsetof(type, field), TENSOR_##rows, TENSOR_##columns, part, parts,                     \
            TENSOR_IN_EVERY_LAYER                                                                            \
    }
/* A norm's weight alone, or any other vector. */
#define TENSOR_VECTOR(type, field, columns, name) TENSOR_MATRIX(type, field, NONE, columns, name)
/* Of a layer. */
#define TENSOR_LINEAR(field, rows, columns, name)                                                            \
    TENSOR_MATRIX(model_layer, field.weight, rows, columns, name ".weight"),                                 \
        TENSOR_MATRIX(model_layer, field.bias, NONE, rows, name ".bias")
#define TENSOR_NORM(type, field, name)                                                                       \
    {name ".weight",       name ".gamma", offsetof(type, field.gamma), TENSOR_NONE, TENSOR_HIDDEN, 0, 0,     \
     TENSOR_IN_EVERY_LAYER},                                                                                 \
    {                                                                                                        \
        name ".bias", name ".beta", offsetof(type, field.beta), TENSOR_NONE, TENSOR_HIDDEN, 0, 0,            \
            TENSOR_IN_EVERY_LAYER                                                                            \
    }

typedef struct tensor_table {
    const tensor_row *rows;
    size_t count;
} tensor_table;

#define TENSOR_TABLE(rows)                                                                                   \
    {                                                                                                        \
        rows, sizeof(rows) / sizeof((rows)[0])                                                               \
    }

/* The head of the family's ...ForSequenceClassification: from the pooled state through `dense`, of hidden_size outputs, its
 * activation, `norm`, and `out`, which has an output for each label. */
typedef struct model_classifier {
    const char *architecture; /* "BertForSequenceClassification" */
    const char *dense, *out;  /* names before ".weight" and ".bias"; dense NULL = there is none */
    const char *norm;         /* LayerNorm without a bias; NULL = there is none */
    bool dense_in_body;       /* `dense` stands behind the family's prefix */
    bool out_without_bias;
    aki_pooling pooling; /* AKI_POOLING_MODEL: the first token's state */
    model_head_activation activation;
    /* "classifier_pooling", "classifier_activation" and "classifier_bias" of config.json say which pooling, which activation, and whether
     * `dense` has a bias. */
    bool by_config;
} model_classifier;

/* A causal language model that ranks: it is asked whether the second text answers the first, and the score is the logit of `yes` less
 * that of `no` behind the last token. The texts stand in a fixed frame, which begins with an instruction: the caller's, or `instruction`.
 */
typedef struct model_question {
    const char *architecture; /* "Qwen3ForCausalLM" */
    const char *before_instruction, *instruction, *before_first, *after_first, *before_second, *after_second;
    const char *yes, *no; /* a token each */
    const char *out;      /* name of the matrix of logits, where it is not the word embeddings */
} model_question;

/* The head of the family's ...ForMaskedLM: `dense`, of hidden_size outputs, an activation, `norm`, and `decoder`, which has an output
 * for each token id; where its weight is not in the file, it is the word embeddings. */
typedef struct model_mlm {
    const char *architecture;           /* "BertForMaskedLM" */
    const char *dense, *norm, *decoder; /* names before ".weight" and ".bias" */
    const char *bias; /* of the decoder, where the file has none under that name; NULL = nowhere else */
    bool always_gelu; /* whatever config.json says of the body's activation */
    /* "classifier_activation" of config.json is the activation; `dense` has no bias unless "classifier_bias" is true, `norm` has none, and
     * the decoder has none where "decoder_bias" is false. */
    bool by_config;
} model_mlm;

typedef struct model_family {
    const char *type; /* model_type */
    /* Class of the code that the model's publisher brings ("auto_map"), which this family computes; NULL = none. */
    const char *code;
    /* Part of the name of the repository that this class is from, where another family has a class of that name; NULL = any. */
    const char *repository;
    /* that a sentence file may give for its config.json, as sentence_arguments_check takes them */
    const char *arguments;
    /* Fills in what config.json decides: sizes, epsilon, activation and graph, which is zero before. Without layers the sizes are those
     * of the weights, and static_model.h fills them in. */
    aki_status (*read)(model_config *config, const config_fields *fields, aki_error *error);
    const char *prefix;                 /* of the names in files of models with a head: "bert." */
    const tensor_table *embeddings;     /* fields of model_weights */
    const char *layers_prefix;          /* "encoder.layer.", before the number of a layer */
    const tensor_table *layer;          /* fields of model_layer */
    const model_classifier *classifier; /* NULL = not implemented for the family */
    const model_question *question;     /* likewise */
    const model_mlm *mlm;               /* likewise */
} model_family;

/* By model_type, and where several have it by the class of the publisher's code and the repository that it is from (NULL = none),
 * else the first; NULL = there is none. */
const model_family *model_family_find(const char *type, const char *code, const char *repository);
/* Their types with commas between, in the order of the alphabet, cut to `room`. */
void model_family_list(char *list, size_t room);

/* ---- the rows, and what they share ---- */

/* All that are found, types in the order of the alphabet; of a type that several have, the one that an unknown code means comes first. */
#define MODEL_FAMILIES(FAMILY)                                                                               \
    FAMILY(bert)                                                                                             \
    FAMILY(jina_code)                                                                                        \
    FAMILY(jina_bert)                                                                                        \
    FAMILY(camembert)                                                                                        \
    FAMILY(distilbert)                                                                                       \
    FAMILY(electra)                                                                                          \
    FAMILY(gemma3_text)                                                                                      \
    FAMILY(gte)                                                                                              \
    FAMILY(model2vec)                                                                                        \
    FAMILY(modernbert)                                                                                       \
    FAMILY(mpnet)                                                                                            \
    FAMILY(new)                                                                                              \
    FAMILY(nomic_bert)                                                                                       \
    FAMILY(qwen3)                                                                                            \
    FAMILY(roberta)                                                                                          \
    FAMILY(xlm_roberta)

#define MODEL_FAMILY_DECLARE(name) extern const model_family family_##name;
MODEL_FAMILIES(MODEL_FAMILY_DECLARE)
#undef MODEL_FAMILY_DECLARE

/* sentence-transformers' StaticEmbedding, which no config.json names: not among those that are found. */
extern const model_family family_static_embedding;

/* nomic_bert with "num_experts" above 0, which family_nomic_bert hands over to. */
extern const model_family family_nomic_moe;

/* The fields of nomic_bert with mixtures and without: sizes, rotary positions, epsilon. */
AKI_MUST_CHECK aki_status family_nomic_read(model_config *config, const config_fields *fields,
                                            aki_error *error);
extern const tensor_table family_nomic_embeddings;

/* The fields of BertConfig, with BERT's graph. */
AKI_MUST_CHECK aki_status family_bert_read(model_config *config, const config_fields *fields,
                                           aki_error *error);
#define FAMILY_BERT_ARGUMENTS                                                                                \
    CONFIG_ARGUMENTS "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size "       \
                     "max_position_embeddings type_vocab_size hidden_act layer_norm_eps "                    \
                     "position_embedding_type is_decoder add_cross_attention "                               \
                     "attention_probs_dropout_prob hidden_dropout_prob "
/* The names of BertModel; those of a layer stand below "encoder.layer.N.". */
extern const tensor_table family_bert_embeddings, family_bert_layer;

/* RoBERTa's positions, where config->max_positions holds the rows of their table so far. */
AKI_MUST_CHECK aki_status family_roberta_positions(model_config *config, const config_fields *fields,
                                                   size_t padding_id, aki_error *error);

#endif
