#include "model/graph.h"

#include "model/parts.h"

#include <math.h>

#define SIDE (MODEL_RELATIVE_BUCKETS / 2)
#define EXACT (SIDE / 2)

size_t model_relative_bucket(ptrdiff_t distance)
{
    const size_t side = distance > 0 ? SIDE : 0;
    const size_t away = distance > 0 ? (size_t)distance : 0 - (size_t)distance;
    if (away < EXACT)
        return side + away;
    /* By the squares of the distances at which buckets begin, which are powers of two: nothing is rounded. */
    size_t bucket = EXACT;
    for (size_t next = 2 * EXACT * EXACT; bucket < SIDE - 1 && away * away >= next; next *= 2)
        bucket++;
    return side + bucket;
}

double model_alibi_slope(size_t head, size_t heads)
{
    size_t power = 1;
    while (power * 2 <= heads)
        power *= 2;
    return head < power ? exp2(-8.0 * (double)(head + 1) / (double)power)
                        : exp2(-8.0 * (double)(2 * (head - power) + 1) / (double)(2 * power));
}

/* Keys that all tokens of a text see together; window 0 = the whole text. */
static double visible_keys(const model_graph *graph, size_t window, size_t tokens)
{
    const double all = (double)tokens;
    const double reach = window > 0 && window < tokens ? (double)window : all - 1;
    /* Keys before each token: as many as the reach, fewer at the text's beginning. Behind it are as many. */
    const double before = all * reach - reach * (reach + 1) / 2;
    return all + before * (graph->causal ? 1 : 2);
}

double model_text_flop(const model_config *config, size_t tokens)
{
    const model_graph *graph = &config->graph;
    const double hidden = (double)config->hidden_size, queries = (double)model_query_size(config);
    const double feed_forward = (graph->gated ? 3.0 : 2.0) * (double)config->intermediate_size;
    const double attention = 2 * queries + 2 * (double)model_key_size(config);
    const double mixture = (double)graph->chosen * feed_forward + (double)graph->experts;
    double sum = 0;
    for (size_t layer = 0; layer < config->layers; layer++) {
        const size_t window = model_layer_reach(graph, layer) == MODEL_LOCAL ? graph->window : 0;
        const double products =
            hidden * (attention + (model_layer_is_mixture(graph, layer) ? mixture : feed_forward));
        sum += products * (double)tokens + 2 * queries * visible_keys(graph, window, tokens);
    }
    return 2 * sum;
}
