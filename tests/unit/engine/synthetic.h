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

static inline void synthetic_open_graph(synthetic *s, size_t hidden, size_t heads, size_t intermediate,
                                        model_activation activation, model_graph graph, size_t types)
{
    const size_t layers = 2;
    *s = (synthetic){.config = {.vocabulary_size = 100,
                                .hidden_size = hidden,
                                .layers = layers,
                                .heads = heads,
                                .head_size = hidden / heads,
                                .intermediate_size = intermediate,
                                .max_positions = 160,
                                .token_types = types,
                                .layer_norm_epsilon = 1e-12f,
                                .activation = activation,
                                .graph = graph,
                                .max_tokens = 160},
                     .random = 88172645463325252u};
    const size_t positions = model_position_rows(&s->config);
    s->values = mem_alloc(
        (100 + positions + types + 2) * hidden + MODEL_RELATIVE_BUCKETS * heads +
            layers * (4 * hidden * (hidden + 1) + (2 * hidden + 1) * (intermediate + 1) + 5 * hidden),
        sizeof(float));
    s->weights.layers = mem_zalloc(layers, sizeof *s->weights.layers);
    assert_true(s->values != NULL && s->weights.layers != NULL);
    s->weights.word_embeddings = synthetic_tensor(s, 100, hidden, 0.3, 0.0);
    s->weights.position_embeddings = synthetic_tensor(s, positions, hidden, 0.3, 0.0);
    if (types > 0)
        s->weights.type_embeddings = synthetic_tensor(s, types, hidden, 0.3, 0.0);
    s->weights.embedding_norm = synthetic_norm(s, hidden);
    if (graph.relative_bias)
        s->weights.relative_bias = synthetic_tensor(s, MODEL_RELATIVE_BUCKETS, heads, 0.5, 0.0);
    for (size_t l = 0; l < layers; l++) {
        model_layer *layer = &s->weights.layers[l];
        layer->query = synthetic_linear(s, hidden, hidden);
        layer->key = synthetic_linear(s, hidden, hidden);
        layer->value = synthetic_linear(s, hidden, hidden);
        layer->attention_output = synthetic_linear(s, hidden, hidden);
        layer->attention_norm = synthetic_norm(s, hidden);
        layer->intermediate = synthetic_linear(s, intermediate, hidden);
        layer->output = synthetic_linear(s, hidden, intermediate);
        layer->output_norm = synthetic_norm(s, hidden);
    }
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
            double sum = synthetic_row(&linear->bias, 0)[o];
            for (size_t i = 0; i < inputs; i++)
                sum += x[t * inputs + i] * weights[i];
            y[t * outputs + o] = sum;
        }
}

/* x = norm(x + y), each [tokens][hidden] */
static inline void synthetic_add_norm(const synthetic *s, const model_norm *norm, double *x, const double *y,
                                      size_t tokens)
{
    const size_t hidden = s->config.hidden_size;
    for (size_t t = 0; t < tokens; t++) {
        double *row = x + t * hidden, mean = 0.0, variance = 0.0;
        for (size_t i = 0; i < hidden; i++) {
            row[i] += y[t * hidden + i];
            mean += row[i] / (double)hidden;
        }
        for (size_t i = 0; i < hidden; i++)
            variance += (row[i] - mean) * (row[i] - mean) / (double)hidden;
        for (size_t i = 0; i < hidden; i++)
            row[i] = (row[i] - mean) / sqrt(variance + s->config.layer_norm_epsilon) *
                         synthetic_row(&norm->gamma, 0)[i] +
                     synthetic_row(&norm->beta, 0)[i];
    }
}

static inline double synthetic_activate(model_activation activation, double x)
{
    if (activation == MODEL_RELU)
        return fmax(x, 0.0);
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

/* q, k, v, mixed: [tokens][hidden] */
static inline void synthetic_attend(const synthetic *s, const double *q, const double *k, const double *v,
                                    size_t tokens, double *mixed)
{
    const size_t hidden = s->config.hidden_size, size = s->config.head_size;
    double weights[160];
    assert_true(tokens <= 160);
    for (size_t h = 0; h < hidden; h += size)
        for (size_t t = 0; t < tokens; t++) {
            double sum = 0.0;
            for (size_t u = 0; u < tokens; u++) {
                double score = 0.0;
                for (size_t d = h; d < h + size; d++)
                    score += q[t * hidden + d] * k[u * hidden + d];
                score /= sqrt((double)size);
                if (s->config.graph.relative_bias)
                    score += synthetic_row(&s->weights.relative_bias,
                                           synthetic_bucket((ptrdiff_t)u - (ptrdiff_t)t))[h / size];
                weights[u] = exp(score);
                sum += weights[u];
            }
            for (size_t d = h; d < h + size; d++) {
                mixed[t * hidden + d] = 0.0;
                for (size_t u = 0; u < tokens; u++)
                    mixed[t * hidden + d] += weights[u] / sum * v[u * hidden + d];
            }
        }
}

/* Last hidden states of one text, [tokens][hidden], freed by mem_free. */
static inline double *synthetic_forward(const synthetic *s, const int32_t *ids, size_t tokens)
{
    const size_t hidden = s->config.hidden_size, intermediate = s->config.intermediate_size;
    double *x = mem_zalloc(tokens * (6 * hidden + intermediate), sizeof *x);
    assert_non_null(x);
    double *q = x + tokens * hidden, *k = q + tokens * hidden, *v = k + tokens * hidden;
    double *mixed = v + tokens * hidden, *y = mixed + tokens * hidden, *inner = y + tokens * hidden;
    const model_graph *graph = &s->config.graph;
    size_t next = model_first_position(graph);
    for (size_t t = 0; t < tokens; t++) {
        const bool is_padding = graph->positions_skip_padding && ids[t] == graph->padding_id;
        const size_t position = is_padding ? (size_t)graph->padding_id : next++;
        for (size_t i = 0; i < hidden; i++)
            x[t * hidden + i] =
                (double)synthetic_row(&s->weights.word_embeddings, (size_t)ids[t])[i] +
                synthetic_row(&s->weights.position_embeddings, position)[i] +
                (s->config.token_types > 0 ? synthetic_row(&s->weights.type_embeddings, 0)[i] : 0.0f);
    }
    synthetic_add_norm(s, &s->weights.embedding_norm, x, y, tokens);
    for (size_t l = 0; l < s->config.layers; l++) {
        const model_layer *layer = &s->weights.layers[l];
        synthetic_apply(&layer->query, x, tokens, q);
        synthetic_apply(&layer->key, x, tokens, k);
        synthetic_apply(&layer->value, x, tokens, v);
        synthetic_attend(s, q, k, v, tokens, mixed);
        synthetic_apply(&layer->attention_output, mixed, tokens, y);
        synthetic_add_norm(s, &layer->attention_norm, x, y, tokens);
        synthetic_apply(&layer->intermediate, x, tokens, inner);
        for (size_t i = 0; i < tokens * intermediate; i++)
            inner[i] = synthetic_activate(s->config.activation, inner[i]);
        synthetic_apply(&layer->output, inner, tokens, y);
        synthetic_add_norm(s, &layer->output_norm, x, y, tokens);
    }
    return x;
}

#endif
