/* The ways in which the families' forward passes differ, as data.
 *
 * All zero is BERT's: positions are rows of a table from row 0 on, and the scores of the attention are used as they are. A device
 * that cannot compute one of the others refuses the model. */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct model_graph {
    /* RoBERTa's positions: a token equal to padding_id has row padding_id of the table, the others of its text have rows
     * padding_id + 1, padding_id + 2, ... */
    bool positions_skip_padding;
    int32_t padding_id;
    /* MPNet's relative positions: every layer adds to the score of query t and key s the number of its head in row
     * model_relative_bucket(s - t) of model_weights.relative_bias. */
    bool relative_bias;
} model_graph;

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
