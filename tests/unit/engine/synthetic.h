/* A small model with random weights, BERT's or of another graph, and its forward pass written once more in double precision, straight from the paper's
 * formulas: what the device is held against. */
#ifndef SYNTHETIC_H
#define SYNTHETIC_H

#include "unit.h"

#include <math.h>

#include "base/memory.h"
#include "engine/device/cpu_device.h"

typedef struct synthetic {
    model_config config;
    model_weights weights;
    float *values; /* all tensors */
    size_t used;
    uint64_t random;
} synthetic;

static inline double synthetic_unit(synthetic *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (double)(s->random >> 11) * 0x1p-52 - 1.0;
}

static inline model_tensor synthetic_tensor(synthetic *s, size_t rows, size_t columns, double scale,
                                            double offset)
{
    float *values = s->values + s->used;
    for (size_t i = 0; i < rows * columns; i++)
        values[i] = (float)(offset + scale * (synthetic_unit(s) + synthetic_unit(s) + synthetic_unit(s)));
    s->used += rows * columns;
    return (model_tensor){(const unsigned char *)values, MODEL_F32, rows, columns};
}

static inline model_linear synthetic_linear(synthetic *s, size_t outputs, size_t inputs)
{
    model_tensor weight = synthetic_tensor(s, outputs, inputs, 1.5 / sqrt((double)inputs), 0.0);
    return (model_linear){weight, synthetic_tensor(s, 1, outputs, 0.1, 0.0)};
}

static inline model_norm synthetic_norm(synthetic *s, size_t hidden)
{
    model_tensor gamma = synthetic_tensor(s, 1, hidden, 0.1, 1.0);
    return (model_norm){gamma, synthetic_tensor(s, 1, hidden, 0.1, 0.0)};
}

static inline model_linear synthetic_unbiased(synthetic *s, size_t outputs, size_t inputs)
{
    return (model_linear){.weight = synthetic_tensor(s, outputs, inputs, 1.5 / sqrt((double)inputs), 0.0)};
}

/* The weight of a norm: around what its kind leaves a number as it is with. */
static inline model_tensor synthetic_gain(synthetic *s, size_t count)
{
    return synthetic_tensor(s, 1, count, 0.1, s->config.graph.norm == MODEL_RMS_NORM_FROM_ONE ? 0.0 : 1.0);
}

static inline void synthetic_open_experts(synthetic *s, model_layer *layer)
{
    const size_t hidden = s->config.hidden_size, inner = s->config.intermediate_size;
    const size_t experts = s->config.graph.experts;
    layer->router = synthetic_tensor(s, experts, hidden, 1.5 / sqrt((double)hidden), 0.0);
    layer->experts_in = synthetic_tensor(s, experts * inner, hidden, 1.5 / sqrt((double)hidden), 0.0);
    layer->experts_out = synthetic_tensor(s, experts * inner, hidden, 1.5 / sqrt((double)inner), 0.0);
    layer->experts_bias = synthetic_tensor(s, 1, hidden, 0.1, 0.0);
}

/* A layer of a graph with pre-norm: no biases; RMSNorm comes with norms of queries and keys; Gemma's kind with norms behind too. */
static inline void synthetic_open_layer_before(synthetic *s, model_layer *layer)
{
    const model_config *c = &s->config;
    const size_t hidden = c->hidden_size;
    layer->query = synthetic_unbiased(s, model_query_size(c), hidden);
    layer->key = synthetic_unbiased(s, model_key_size(c), hidden);
    layer->value = synthetic_unbiased(s, model_key_size(c), hidden);
    layer->attention_output = synthetic_unbiased(s, hidden, model_query_size(c));
    if (layer != s->weights.layers) /* the first one has none, as in ModernBERT */
        layer->before_attention.gamma = synthetic_gain(s, hidden);
    layer->before_feed_forward.gamma = synthetic_gain(s, hidden);
    layer->intermediate = synthetic_unbiased(s, c->intermediate_size, hidden);
    layer->output = synthetic_unbiased(s, hidden, c->intermediate_size);
    if (c->graph.norm != MODEL_LAYER_NORM) {
        layer->query_norm.gamma = synthetic_gain(s, c->head_size);
        layer->key_norm.gamma = synthetic_gain(s, c->head_size);
    }
    if (c->graph.norm == MODEL_RMS_NORM_FROM_ONE) {
        layer->attention_norm.gamma = synthetic_gain(s, hidden);
        layer->output_norm.gamma = synthetic_gain(s, hidden);
    }
}

/* head_size 0: hidden / heads. A graph with rotary positions or ALiBi has no table of positions, one with scaled embeddings no norm
 * of these. */
static inline void synthetic_open_heads(synthetic *s, size_t hidden, size_t heads, size_t head_size,
                                        size_t intermediate, model_activation activation, model_graph graph,
                                        size_t types)
{
    const size_t layers = graph.window > 0 ? 3 : 2;
    *s = (synthetic){.config = {.vocabulary_size = 100,
                                .hidden_size = hidden,
                                .layers = layers,
                                .heads = heads,
                                .head_size = head_size > 0 ? head_size : hidden / heads,
                                .intermediate_size = intermediate,
                                .max_positions = 160,
                                .token_types = types,
                                .layer_norm_epsilon = 1e-12f,
                                .activation = activation,
                                .graph = graph,
                                .max_tokens = 160},
                     .random = 88172645463325252u};
    const size_t positions = model_position_rows(&s->config);
    s->values = mem_alloc((100 + positions + types + 3) * hidden + MODEL_RELATIVE_BUCKETS * heads +
                              layers * graph.experts * hidden * (2 * intermediate + 1) +
                              layers * (4 * (hidden + 1) * (model_query_size(&s->config) + 1) +
                                        3 * (hidden + 1) * (intermediate + 1) + 12 * hidden +
                                        2 * s->config.head_size),
                          sizeof(float));
    s->weights.layers = mem_zalloc(layers, sizeof *s->weights.layers);
    assert_true(s->values != NULL && s->weights.layers != NULL);
    s->weights.word_embeddings = synthetic_tensor(s, 100, hidden, 0.3, 0.0);
    if (graph.rotary[MODEL_GLOBAL].theta == 0.0f && !graph.alibi)
        s->weights.position_embeddings = synthetic_tensor(s, positions, hidden, 0.3, 0.0);
    if (types > 0)
        s->weights.type_embeddings = synthetic_tensor(s, types, hidden, 0.3, 0.0);
    if (graph.embedding_scale == 0.0f)
        s->weights.embedding_norm = synthetic_norm(s, hidden);
    if (graph.pre_norm)
        s->weights.final_norm.gamma = synthetic_gain(s, hidden);
    if (graph.relative_bias)
        s->weights.relative_bias = synthetic_tensor(s, MODEL_RELATIVE_BUCKETS, heads, 0.5, 0.0);
    for (size_t l = 0; l < layers; l++) {
        model_layer *layer = &s->weights.layers[l];
        if (graph.gated)
            layer->gate = synthetic_unbiased(s, intermediate, hidden);
        if (graph.pre_norm) {
            synthetic_open_layer_before(s, layer);
            continue;
        }
        layer->query = synthetic_linear(s, hidden, hidden);
        layer->key = synthetic_linear(s, hidden, hidden);
        layer->value = synthetic_linear(s, hidden, hidden);
        layer->attention_output = synthetic_linear(s, hidden, hidden);
        layer->attention_norm = synthetic_norm(s, hidden);
        if (graph.joint_head_norms) {
            layer->query_norm = synthetic_norm(s, hidden);
            layer->key_norm = synthetic_norm(s, hidden);
        }
        if (graph.attention_input_twice)
            layer->before_feed_forward = synthetic_norm(s, hidden);
        if (model_layer_is_mixture(&graph, l)) {
            synthetic_open_experts(s, layer);
        } else {
            layer->intermediate = synthetic_linear(s, intermediate, hidden);
            layer->output = synthetic_linear(s, hidden, intermediate);
        }
        layer->output_norm = synthetic_norm(s, hidden);
    }
}

static inline void synthetic_open_graph(synthetic *s, size_t hidden, size_t heads, size_t intermediate,
                                        model_activation activation, model_graph graph, size_t types)
{
    synthetic_open_heads(s, hidden, heads, 0, intermediate, activation, graph, types);
}

static inline void synthetic_open(synthetic *s, size_t hidden, size_t heads, size_t intermediate,
                                  model_activation activation)
{
    synthetic_open_graph(s, hidden, heads, intermediate, activation, (model_graph){0}, 2);
}

static inline void synthetic_close(synthetic *s)
{
    mem_free(s->weights.layers);
    mem_free(s->values);
}

/* ---- the same in double precision --------------------------------------------------------------------- */

static inline const float *synthetic_row(const model_tensor *tensor, size_t row)
{
    return (const float *)(const void *)tensor->data + row * tensor->columns;
}

/* y: [tokens][outputs], x: [tokens][inputs] */
static inline void synthetic_apply(const model_linear *linear, const double *x, size_t tokens, double *y)
{
    const size_t outputs = linear->weight.rows, inputs = linear->weight.columns;
    for (size_t t = 0; t < tokens; t++)
        for (size_t o = 0; o < outputs; o++) {
            const float *weights = synthetic_row(&linear->weight, o);
            double sum = linear->bias.data != NULL ? synthetic_row(&linear->bias, 0)[o] : 0.0f;
            for (size_t i = 0; i < inputs; i++)
                sum += x[t * inputs + i] * weights[i];
            y[t * outputs + o] = sum;
        }
}

/* y = norm(x), each [count]. beta may be without data. */
static inline void synthetic_normalise(const synthetic *s, const model_tensor *gamma,
                                       const model_tensor *beta, const double *x, size_t count, double *y)
{
    const model_norm_kind kind = s->config.graph.norm;
    double mean = 0.0, variance = 0.0;
    for (size_t i = 0; i < count && kind == MODEL_LAYER_NORM; i++)
        mean += x[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        variance += (x[i] - mean) * (x[i] - mean) / (double)count;
    for (size_t i = 0; i < count; i++)
        y[i] = (x[i] - mean) / sqrt(variance + s->config.layer_norm_epsilon) *
                   (synthetic_row(gamma, 0)[i] + (kind == MODEL_RMS_NORM_FROM_ONE ? 1.0 : 0.0)) +
               (beta->data != NULL ? synthetic_row(beta, 0)[i] : 0.0f);
}

/* y = norm(x) of rows; y = x where there is no norm */
static inline void synthetic_norm_rows(const synthetic *s, const model_norm *norm, const double *x,
                                       size_t tokens, double *y)
{
    const size_t hidden = s->config.hidden_size;
    if (norm->gamma.data == NULL && x != y)
        memcpy(y, x, tokens * hidden * sizeof *y);
    for (size_t t = 0; t < tokens && norm->gamma.data != NULL; t++)
        synthetic_normalise(s, &norm->gamma, &norm->beta, x + t * hidden, hidden, y + t * hidden);
}

/* x += y, and the norm behind: of y with pre-norm, else of the sum. */
static inline void synthetic_add_norm(const synthetic *s, const model_norm *norm, double *x, double *y,
                                      size_t tokens)
{
    const bool pre_norm = s->config.graph.pre_norm;
    if (pre_norm)
        synthetic_norm_rows(s, norm, y, tokens, y);
    for (size_t i = 0; i < tokens * s->config.hidden_size; i++)
        x[i] += y[i];
    if (!pre_norm)
        synthetic_norm_rows(s, norm, x, tokens, x);
}

/* Norms and turns of heads, x: [tokens][heads][head_size]. norm may be without data. */
static inline void synthetic_turn(const synthetic *s, const model_norm *norm, const model_rotary *rotary,
                                  double *x, size_t tokens, size_t heads)
{
    const size_t size = s->config.head_size, half = size / 2;
    const bool each = norm->gamma.data != NULL && !s->config.graph.joint_head_norms;
    for (size_t at = 0; at < tokens * heads; at++) {
        double *head = x + at * size, turned[512];
        if (each)
            synthetic_normalise(s, &norm->gamma, &norm->beta, head, size, head);
        for (size_t i = 0; i < half && rotary->theta > 0.0f; i++) {
            /* In f32, as in the reference. */
            const float power = (float)pow(rotary->theta, (double)((float)(2 * i) / (float)size));
            const float frequency = 1.0f / power / (rotary->divisor > 0.0f ? rotary->divisor : 1.0f);
            const double angle = (double)((float)(at / heads) * frequency);
            turned[i] = head[i] * cos(angle) - head[half + i] * sin(angle);
            turned[half + i] = head[half + i] * cos(angle) + head[i] * sin(angle);
        }
        if (rotary->theta > 0.0f)
            memcpy(head, turned, size * sizeof *head);
    }
}

static inline double synthetic_activate(model_activation activation, double x)
{
    if (activation == MODEL_RELU)
        return fmax(x, 0.0);
    if (activation == MODEL_SILU)
        return x / (1.0 + exp(-x));
    if (activation == MODEL_GELU_TANH)
        return 0.5 * x * (1.0 + tanh(sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
}

/* The bucket of a distance as T5 and MPNet compute it. */
static inline size_t synthetic_bucket(ptrdiff_t distance)
{
    const size_t side = distance > 0 ? 16 : 0;
    const double away = fabs((double)distance);
    if (away < 8.0)
        return side + (size_t)away;
    return side + (size_t)fmin(8.0 + log(away / 8.0) / log(128.0 / 8.0) * 8.0 + 1e-9, 15.0);
}

static inline bool synthetic_sees(const model_graph *graph, size_t layer, size_t query, size_t key)
{
    const size_t away = key > query ? key - query : query - key;
    return !(graph->causal && key > query) &&
           !((graph->local_layers[0] >> layer & 1) != 0 && graph->window > 0 && away > graph->window);
}

/* The number that is added to a score. */
static inline double synthetic_bias(const synthetic *s, size_t head, size_t query, size_t key)
{
    const double distance = (double)key - (double)query;
    if (s->config.graph.relative_bias)
        return synthetic_row(&s->weights.relative_bias, synthetic_bucket((ptrdiff_t)distance))[head];
    /* Of heads that are a power of two. */
    return s->config.graph.alibi
               ? -fabs(distance) * pow(2.0, -8.0 * (double)(head + 1) / (double)s->config.heads)
               : 0.0;
}

/* q, mixed: [tokens][queries]; k, v: [tokens][keys] */
static inline void synthetic_attend(const synthetic *s, size_t layer, const double *q, const double *k,
                                    const double *v, size_t tokens, double *mixed)
{
    const model_config *c = &s->config;
    const size_t size = c->head_size, queries = model_query_size(c), keys = model_key_size(c);
    const double divisor = c->graph.score_divisor > 0.0f ? c->graph.score_divisor : sqrt((double)size);
    double weights[160];
    assert_true(tokens <= 160);
    for (size_t h = 0; h < c->heads; h++)
        for (size_t t = 0; t < tokens; t++) {
            const double *query = q + t * queries + h * size;
            const size_t shared = h * (keys / size) / c->heads * size;
            double sum = 0.0;
            for (size_t u = 0; u < tokens; u++) {
                double score = 0.0;
                for (size_t d = 0; d < size; d++)
                    score += query[d] * k[u * keys + shared + d];
                weights[u] = synthetic_sees(&c->graph, layer, t, u)
                                 ? exp(score / divisor + synthetic_bias(s, h, t, u))
                                 : 0.0;
                sum += weights[u];
            }
            for (size_t d = 0; d < size; d++) {
                double *to = mixed + t * queries + h * size + d;
                *to = 0.0;
                for (size_t u = 0; u < tokens; u++)
                    *to += weights[u] / sum * v[u * keys + shared + d];
            }
        }
}

/* x: [tokens][hidden], the sum of what is embedded */
static inline void synthetic_embed(const synthetic *s, const int32_t *ids, size_t tokens, double *x)
{
    const model_graph *graph = &s->config.graph;
    const size_t hidden = s->config.hidden_size;
    const double scale = graph->embedding_scale > 0.0f ? graph->embedding_scale : 1.0;
    size_t next = model_first_position(graph);
    for (size_t t = 0; t < tokens; t++) {
        const bool is_padding = graph->positions_skip_padding && ids[t] == graph->padding_id;
        const size_t position = is_padding ? (size_t)graph->padding_id : next++;
        for (size_t i = 0; i < hidden; i++)
            x[t * hidden + i] =
                scale * synthetic_row(&s->weights.word_embeddings, (size_t)ids[t])[i] +
                (s->weights.position_embeddings.data != NULL
                     ? synthetic_row(&s->weights.position_embeddings, position)[i]
                     : 0.0f) +
                (s->config.token_types > 0 ? synthetic_row(&s->weights.type_embeddings, 0)[i] : 0.0f);
    }
    synthetic_norm_rows(s, &s->weights.embedding_norm, x, tokens, x);
}

/* y = the mixture of x, each [hidden]; inner: [intermediate] */
static inline void synthetic_mix(const synthetic *s, const model_layer *layer, const double *x, double *inner,
                                 double *y)
{
    const model_graph *graph = &s->config.graph;
    const size_t hidden = s->config.hidden_size, size = s->config.intermediate_size;
    const model_linear router = {.weight = layer->router};
    double shares[MODEL_MAX_EXPERTS], sum = 0.0;
    synthetic_apply(&router, x, 1, shares);
    for (size_t e = 0; e < graph->experts; e++)
        sum += shares[e] = exp(shares[e]);
    for (size_t i = 0; i < hidden; i++)
        y[i] = synthetic_row(&layer->experts_bias, 0)[i];
    for (size_t n = 0; n < graph->chosen; n++) {
        size_t best = 0;
        for (size_t e = 1; e < graph->experts; e++)
            best = shares[e] > shares[best] ? e : best;
        for (size_t j = 0; j < size; j++) {
            const float *in = synthetic_row(&layer->experts_in, best * size + j);
            inner[j] = 0.0;
            for (size_t i = 0; i < hidden; i++)
                inner[j] += x[i] * in[i];
            inner[j] = synthetic_activate(s->config.activation, inner[j]);
            for (size_t i = 0; i < hidden; i++)
                y[i] +=
                    shares[best] / sum * inner[j] * synthetic_row(&layer->experts_out, best * size + j)[i];
        }
        shares[best] = -1.0;
    }
}

/* Last hidden states of one text, [tokens][hidden], freed by mem_free. */
static inline double *synthetic_forward(const synthetic *s, const int32_t *ids, size_t tokens)
{
    const model_config *c = &s->config;
    const size_t hidden = c->hidden_size, intermediate = c->intermediate_size;
    const size_t queries = model_query_size(c), keys = model_key_size(c);
    double *x = mem_zalloc(tokens * (4 * hidden + 2 * queries + 2 * keys + 2 * intermediate), sizeof *x);
    assert_non_null(x);
    double *q = x + tokens * hidden, *k = q + tokens * queries, *v = k + tokens * keys;
    double *mixed = v + tokens * keys, *y = mixed + tokens * queries, *inner = y + tokens * hidden;
    double *gate = inner + tokens * intermediate, *normed = gate + tokens * intermediate;
    double *before = normed + tokens * hidden;
    synthetic_embed(s, ids, tokens, x);
    for (size_t l = 0; l < c->layers; l++) {
        const model_layer *layer = &s->weights.layers[l];
        const model_rotary *rotary = &c->graph.rotary[c->graph.local_layers[0] >> l & 1];
        synthetic_norm_rows(s, &layer->before_attention, x, tokens, normed);
        synthetic_apply(&layer->query, normed, tokens, q);
        synthetic_apply(&layer->key, normed, tokens, k);
        synthetic_apply(&layer->value, normed, tokens, v);
        if (c->graph.joint_head_norms) {
            synthetic_norm_rows(s, &layer->query_norm, q, tokens, q);
            synthetic_norm_rows(s, &layer->key_norm, k, tokens, k);
        }
        synthetic_turn(s, &layer->query_norm, rotary, q, tokens, c->heads);
        synthetic_turn(s, &layer->key_norm, rotary, k, tokens, keys / c->head_size);
        synthetic_attend(s, l, q, k, v, tokens, mixed);
        synthetic_apply(&layer->attention_output, mixed, tokens, y);
        memcpy(before, x, tokens * hidden * sizeof *x);
        synthetic_add_norm(s, &layer->attention_norm, x, y, tokens);
        if (c->graph.attention_input_twice)
            synthetic_add_norm(s, &layer->before_feed_forward, x, before, tokens);
        const model_norm none = {0}, *next = c->graph.pre_norm ? &layer->before_feed_forward : &none;
        synthetic_norm_rows(s, next, x, tokens, normed);
        if (model_layer_is_mixture(&c->graph, l)) {
            for (size_t t = 0; t < tokens; t++)
                synthetic_mix(s, layer, normed + t * hidden, inner, y + t * hidden);
            synthetic_add_norm(s, &layer->output_norm, x, y, tokens);
            continue;
        }
        synthetic_apply(&layer->intermediate, normed, tokens, inner);
        if (c->graph.gated)
            synthetic_apply(&layer->gate, normed, tokens, gate);
        for (size_t i = 0; i < tokens * intermediate; i++)
            inner[i] = c->graph.gated ? synthetic_activate(c->activation, gate[i]) * inner[i]
                                      : synthetic_activate(c->activation, inner[i]);
        synthetic_apply(&layer->output, inner, tokens, y);
        synthetic_add_norm(s, &layer->output_norm, x, y, tokens);
    }
    synthetic_norm_rows(s, &s->weights.final_norm, x, tokens, x);
    return x;
}

#endif
