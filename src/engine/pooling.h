/* The arithmetic of pooling and normalisation. Plain C: 384 additions a token are nothing beside the layers. */
#ifndef ENGINE_POOLING_H
#define ENGINE_POOLING_H

#include "model/model.h"

/* hidden: [tokens][dimension] f32 row-major, tokens >= 1. vector: [dimension] f32, written. Sums are over all tokens,
 * special ones included, added in the order of the tokens (sentence-transformers' Pooling module). pooling must not be
 * AKI_POOLING_MODEL. */
void pooling_apply(aki_pooling pooling, const float *hidden, size_t tokens, size_t dimension, float *vector);

/* Divides by the Euclidean length, or by 1e-12 where that is larger (torch.nn.functional.normalize). */
void pooling_normalize(float *vector, size_t dimension);

/* False when any element is NaN or infinite. */
bool pooling_is_finite(const float *vector, size_t dimension);

/* The step's pooling `index`, unless another was asked for (not AKI_POOLING_MODEL), which a step with several does not
 * allow. */
static inline aki_pooling pooling_of(const model_head *step, size_t index, aki_pooling asked)
{
    return asked == AKI_POOLING_MODEL ? step->poolings[index] : asked;
}

#endif
