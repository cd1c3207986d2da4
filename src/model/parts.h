/* The parts of a model: the numbers of its architecture, its tensors, the steps from its hidden states to a vector, and the
 * prompts that may stand before a text. */
#ifndef MODEL_PARTS_H
#define MODEL_PARTS_H

#include "akidb/embed.h"
#include "model/graph.h"
#include "model/limits.h"

typedef enum model_activation { MODEL_GELU_ERF, MODEL_GELU_TANH, MODEL_RELU, MODEL_SILU } model_activation;

/* Numbers of the architecture; all checked to be within model/limits.h and consistent with each other. */
typedef struct model_config {
    const struct model_family *family; /* model/families.h; for reading the folder and for messages */
    size_t vocabulary_size;
    size_t hidden_size;
    size_t layers;
    size_t heads;     /* of queries */
    size_t head_size; /* hidden_size / heads, where the family has no other */
    size_t intermediate_size;
    size_t max_positions; /* tokens of a text that have a position */
    size_t token_types;   /* 0 = the family has none */
    float layer_norm_epsilon;
    model_activation activation;
    model_graph graph;
    /* Of a static model, which has no layers: its hidden states are the rows of word_embeddings. */
    size_t matrix_rows; /* of word_embeddings; vocabulary_size where token ids are not mapped */
    bool drops_unknown; /* unknown tokens are left out, and texts cut by characters too */
    bool normalizes;    /* vectors, where no modules.json says so */
    /* per text, special tokens included: sentence_bert_config.json, at most max_positions */
    size_t max_tokens;
} model_config;

/* Numbers of a token's queries, and of its keys and of its values. */
static inline size_t model_query_size(const model_config *config)
{
    return config->heads * config->head_size;
}

static inline size_t model_key_size(const model_config *config)
{
    const size_t heads = config->graph.key_value_heads;
    return (heads > 0 ? heads : config->heads) * config->head_size;
}

/* Rows of the position embeddings, where the family has them. */
static inline size_t model_position_rows(const model_config *config)
{
    return model_first_position(&config->graph) + config->max_positions;
}

/* A text's hidden states are rows of the word embeddings. */
static inline bool model_is_static(const model_config *config)
{
    return config->layers == 0;
}

typedef enum model_dtype { MODEL_F32, MODEL_F16, MODEL_BF16 } model_dtype;

/* A view: row-major, little-endian, in the mapped file, aligned to the element size or not at all: read through
 * tensor_read_f32. */
typedef struct model_tensor {
    const unsigned char *data;
    model_dtype dtype;
    size_t rows, columns; /* a vector has rows = 1 */
} model_tensor;

/* y = x W^T + b, W: [out][in], b: [out]; a bias that the family does not have is all zero. */
typedef struct model_linear {
    model_tensor weight, bias;
} model_linear;

typedef struct model_norm {
    model_tensor gamma, beta; /* [hidden]; a beta that the family does not have is all zero, as is a norm */
} model_norm;

/* The tensors of a layer. Those that the family does not have are all zero. `tensors` is the list of all, for what is done to
 * each alike. */
typedef union model_layer {
    struct {
        model_linear query;            /* [model_query_size][hidden] */
        model_linear key, value;       /* [model_key_size][hidden] */
        model_linear attention_output; /* [hidden][model_query_size] */
        model_norm attention_norm;
        model_linear intermediate; /* [intermediate][hidden] */
        model_linear output;       /* [hidden][intermediate] */
        model_norm output_norm;
        model_linear gate; /* [intermediate][hidden] */
        model_norm before_attention, before_feed_forward;
        /* Before queries and keys are turned. [head_size], without a beta: RMSNorm of each head; [hidden] with joint_head_norms */
        model_norm query_norm, key_norm;
        /* Of a mixture, instead of `intermediate` and `output`. An expert has `intermediate` consecutive rows of both its matrices: its output
         * is activation(x in^T) out. The bias is added once to the weighted sum of the outputs. */
        model_tensor router;                  /* [experts][hidden] */
        model_tensor experts_in, experts_out; /* [experts * intermediate][hidden] */
        model_tensor experts_bias;            /* [hidden] */
    };
    model_tensor tensors[30];
} model_layer;

/* All tensors of a model, listed likewise. */
typedef struct model_weights {
    union {
        struct {
            model_tensor word_embeddings;     /* [vocabulary][hidden]; of a static model [matrix_rows] */
            model_tensor position_embeddings; /* [model_position_rows][hidden] */
            model_tensor type_embeddings;     /* [token_types][hidden] */
            model_norm embedding_norm;
            model_tensor relative_bias; /* [MODEL_RELATIVE_BUCKETS][heads] */
            model_norm final_norm;
        };
        model_tensor tensors[8];
    };
    model_layer *layers; /* [layers] */
    /* [vocabulary] each, of a static model: the row of word_embeddings that a token has, NULL = that of its id, and the factor of the row,
     * NULL = 1 */
    uint32_t *token_rows;
    float *token_weights;
} model_weights;

#define MODEL_LIST_LENGTH(list) (sizeof(list) / sizeof(list)[0])
#define MODEL_LAYER_TENSORS MODEL_LIST_LENGTH(((model_layer *)0)->tensors)
#define MODEL_OUTER_TENSORS MODEL_LIST_LENGTH(((model_weights *)0)->tensors)
_Static_assert(sizeof(model_layer) == MODEL_LAYER_TENSORS * sizeof(model_tensor),
               "the list has every tensor");
_Static_assert(offsetof(model_weights, layers) == MODEL_OUTER_TENSORS * sizeof(model_tensor),
               "the list has every tensor");

typedef enum model_head_kind {
    MODEL_HEAD_POOLING,    /* from the tokens' vectors to one; the first step, and only there */
    MODEL_HEAD_DENSE,      /* y = activation(x W^T + b) */
    MODEL_HEAD_LAYER_NORM, /* torch.nn.LayerNorm, epsilon MODEL_HEAD_EPSILON */
    MODEL_HEAD_NORMALIZE,  /* to length 1 */
} model_head_kind;

/* Of torch.nn, each as its class without arguments computes it. */
typedef enum model_head_activation {
    MODEL_HEAD_IDENTITY,
    MODEL_HEAD_TANH,
    MODEL_HEAD_RELU,
    MODEL_HEAD_GELU, /* by erf */
    MODEL_HEAD_SIGMOID,
    MODEL_HEAD_SILU,
} model_head_activation;

#define MODEL_HEAD_EPSILON 1e-5

/* One step from the last hidden states of a text to its vector. */
typedef struct model_head {
    model_head_kind kind;
    size_t inputs, outputs; /* numbers of a vector before and after the step */

    /* POOLING: their vectors stand side by side in this order; never AKI_POOLING_MODEL. */
    aki_pooling poolings[MODEL_MAX_POOLINGS];
    size_t poolings_count;
    bool leaves_prompt_out; /* "include_prompt": false */

    model_head_activation activation; /* DENSE */
    bool without_bias;                /* of a classifier: the file has no bias for the step */
    float epsilon;                    /* LAYER_NORM; 0 = MODEL_HEAD_EPSILON */
    float *weight;                    /* DENSE: [outputs][inputs], LAYER_NORM: [outputs]; f32, all finite */
    float *bias;                      /* [outputs]; zeros where a Dense has none */
} model_head;

/* The head that weighs token ids for a text. */
typedef enum model_sparse_kind {
    MODEL_SPARSE_NONE,
    MODEL_SPARSE_MLM,    /* SPLADE: every id of the vocabulary, by the head of a masked language model */
    MODEL_SPARSE_TOKENS, /* bge-m3: the ids of the text's own tokens, by a linear layer */
} model_sparse_kind;

typedef struct model_sparse {
    model_sparse_kind kind;
    /* MLM: logit = decoder(norm(activation(transform(state)))), weight = log1p(relu(logit)) of each token. Views. */
    /* [hidden][hidden]; without a bias its data is NULL, as the decoder's and the norm's beta */
    model_linear transform;
    model_norm norm;
    model_linear decoder; /* [vocabulary][hidden] */
    model_activation activation;
    float epsilon;
    bool untied; /* the decoder's weight is not the word embeddings */
    bool transform_unbiased, norm_unbiased, decoder_unbiased;
    bool adds_up;   /* the weights of the tokens; else the greatest counts */
    bool log_twice; /* log1p(log1p(relu(logit))) */
    /* TOKENS: weight = relu(linear(state)), of equal ids the greatest. f32, all finite. */
    float *weight; /* [hidden] */
    float *bias;   /* [1] */
} model_sparse;

/* Meaning of the numbers that a text gets. */
typedef enum model_task {
    MODEL_TASK_EMBED,  /* a vector */
    MODEL_TASK_SPARSE, /* weights of token ids alone */
    MODEL_TASK_CLASSIFY, /* a logit for each label; of a pair of texts, where there is one label, how well they match */
} model_task;

/* The modules behind the Transformer in their order, or the head of a classifier as the same kind of steps. */
typedef struct model_heads {
    model_head steps[MODEL_MAX_MODULES];
    size_t count;     /* >= 1 */
    size_t dimension; /* of the vectors: the last step's outputs, or fewer by "truncate_dim" */
    model_task task;
    model_sparse sparse; /* beside the vector, or instead of it where the task says so */
    /* bge-m3's ColBERT: of each token's vector, which is then normalised; outputs 0 = none */
    model_head token_dense;
    bool unread_pickles; /* the folder has these two in files that are not read */
    /* CLASSIFY: */
    const struct model_question *question; /* model/families.h; NULL = the model has a head of its own */
    model_tensor answers;                  /* with it: [vocabulary][hidden], a view */
    bool tied_answers;                     /* and it is the word embeddings */
    char **labels;                         /* [dimension]: "LABEL_0" */
    model_head_activation scores_by;       /* what makes scores of logits, where a caller does not say */
} model_heads;

typedef struct model_prompt {
    char *name;
    char *text; /* UTF-8; stands before a text. May be empty */
    size_t length;
} model_prompt;

typedef struct model_prompts {
    model_prompt *items; /* [count] */
    size_t count;
    const model_prompt *by_default; /* NULL = none */
} model_prompts;

/* The reference's name of it: "mean_sqrt_len_tokens". */
const char *model_pooling_name(aki_pooling pooling);

/* Converts `count` elements from element `first` on to f32. The range must lie within the tensor. */
void tensor_read_f32(const model_tensor *tensor, size_t first, size_t count, float *out);

/* Counts the floating-point operations of a text's forward pass: what benchmarks hold against the CPU's peak. */

/* Matrix products, and in attention the scores and values of the keys that each token sees; a multiply-add is two operations. Norms,
 * activations and heads behind the last layer are not counted. */
double model_text_flop(const model_config *config, size_t tokens);

#endif
