/* The ways in which the families' forward passes differ, as data.
 *
 * All zero is BERT's: positions are rows of a table from row 0 on, and the scores of the attention are used as they are. A device
 * that cannot compute one of the others refuses the model. */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/limits.h"

typedef enum model_norm_kind {
    MODEL_LAYER_NORM,
    MODEL_RMS_NORM,          /* x / sqrt(mean(x^2) + epsilon) * weight */
    MODEL_RMS_NORM_FROM_ONE, /* the same with 1 + weight */
} model_norm_kind;

/* Rotary positions: of each head of queries and keys, numbers i and i + head_size / 2 are turned by
 * position / divisor * theta^(-2 i / head_size). */
typedef struct model_rotary {
    float theta;   /* 0 = none */
    float divisor; /* 0 = 1 */
} model_rotary;

/* Layers see the whole text, or a window around each token only. */
typedef enum model_reach { MODEL_GLOBAL, MODEL_LOCAL, MODEL_REACHES } model_reach;

typedef struct model_graph {
    /* RoBERTa's positions: a token equal to padding_id has row padding_id of the table, the others of its text have rows
     * padding_id + 1, padding_id + 2, ... */
    bool positions_skip_padding;
    int32_t padding_id;
    /* MPNet's relative positions: every layer adds to the score of query t and key s the number of its head in row
     * model_relative_bucket(s - t) of model_weights.relative_bias. */
    bool relative_bias;
    /* ALiBi: every layer takes model_alibi_slope(head) * abs(s - t) off the score. */
    bool alibi;
    model_rotary rotary[MODEL_REACHES]; /* by the layer's reach */
    uint64_t local_layers[MODEL_MAX_LAYERS / 64];
    size_t window;          /* of local layers: the greatest distance of a key that is seen, on either side */
    bool causal;            /* no token sees those behind it */
    size_t key_value_heads; /* each serves as many query heads as the next; 0 = as many as these */
    float score_divisor;    /* of query . key; 0 = sqrt(head_size) */
    model_norm_kind norm;   /* of all norms */
    /* Norms stand before attention and feed-forward net (before_attention, before_feed_forward) and behind the last layer
     * (final_norm), and the residual stream is not normalised itself. The norms behind (attention_norm, output_norm) are then
     * of what is added to it, where the family has them. Without this they are of the sum. */
    bool pre_norm;
    /* Jina's code model: query_norm and key_norm are norms over the numbers of all heads, hidden_size of them, with a beta. Else they are
     * RMSNorms of each head. */
    bool joint_head_norms;
    /* Jina's code model, without pre_norm: behind attention_norm the attention's input is added once more, and before_feed_forward is the
     * norm of that sum. */
    bool attention_input_twice;
    bool gated;            /* the feed-forward net's inside is activation(gate(x)) * intermediate(x) */
    float embedding_scale; /* of the word embeddings; 0 = 1 */
    /* Mixtures of experts: in layers whose number leaves 1 when divided by mixture_every, each token goes through `chosen` of `experts`
     * feed-forward nets, those with the greatest softmax(router(x)), whose outputs are weighted by it. 0 experts = there are none. */
    size_t experts, chosen, mixture_every;
} model_graph;

static inline bool model_layer_is_mixture(const model_graph *graph, size_t layer)
{
    return graph->experts > 0 && layer % graph->mixture_every == 1;
}

static inline model_reach model_layer_reach(const model_graph *graph, size_t layer)
{
    return graph->local_layers[layer / 64] >> layer % 64 & 1 ? MODEL_LOCAL : MODEL_GLOBAL;
}

/* ALiBi's rule for heads of any number: the slopes of the next lower power of two, then every second one of the power above. */
double model_alibi_slope(size_t head, size_t heads);

/* Row of the table of positions that a text's first token has, unless it is padding. */
static inline size_t model_first_position(const model_graph *graph)
{
    return graph->positions_skip_padding ? (size_t)graph->padding_id + 1 : 0;
}

/* T5's buckets of distances with the numbers that MPNet has. The first half is for keys at and before the query, the second for
 * keys behind it. In each half the distances below 8 have a bucket of their own, and the other buckets grow by the factor sqrt(2)
 * up to the last one, which takes all from 91 on. */
#define MODEL_RELATIVE_BUCKETS 32
size_t model_relative_bucket(ptrdiff_t distance);

#endif
