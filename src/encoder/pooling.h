/* From the last hidden states of a text to its vector. Plain C: 384 additions a token are nothing beside the layers. */
#ifndef ENCODER_POOLING_H
#define ENCODER_POOLING_H

#include "akidb/embed.h"

/* hidden: [tokens][dimension] f32 row-major, tokens >= 1. vector: [dimension] f32, written. Mean and max are over all
 * tokens, special ones included, added in the order of the tokens (sentence-transformers' Pooling module). pooling must
 * not be AKI_POOLING_MODEL. */
void pooling_apply(aki_pooling pooling, const float *hidden, size_t tokens, size_t dimension, float *vector);

/* Divides by the Euclidean length, or by 1e-12 where that is larger (torch.nn.functional.normalize). */
void pooling_normalize(float *vector, size_t dimension);

/* False when any element is NaN or infinite. */
bool pooling_is_finite(const float *vector, size_t dimension);

#endif
