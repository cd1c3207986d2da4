/* Counts the floating-point operations of a text's forward pass: what benchmarks hold against the CPU's peak. */
#ifndef MODEL_FLOP_H
#define MODEL_FLOP_H

#include "model/parts.h"

/* Matrix products, and in attention the scores and values of the keys that each token sees; a multiply-add is two operations. Norms,
 * activations and heads behind the last layer are not counted. */
double model_text_flop(const model_config *config, size_t tokens);

#endif
