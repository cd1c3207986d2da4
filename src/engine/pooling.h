/* From the last hidden states of a text to its vector. Plain C: 384 additions a token are nothing beside the layers. */
#ifndef ENGINE_POOLING_H
#define ENGINE_POOLING_H

#include "engine/encoder.h"

/* What a model's own pooling is. */
typedef struct pooling_model {
    size_t dimension;
    aki_pooling pooling; /* never AKI_POOLING_MODEL */
    bool normalize;
} pooling_model;

/* hidden: [tokens][dimension] f32 row-major, tokens >= 1. vector: [dimension] f32, written. Mean and max are over all
 * tokens, special ones included, added in the order of the tokens (sentence-transformers' Pooling module). pooling must
 * not be AKI_POOLING_MODEL. */
void pooling_apply(aki_pooling pooling, const float *hidden, size_t tokens, size_t dimension, float *vector);

/* Divides by the Euclidean length, or by 1e-12 where that is larger (torch.nn.functional.normalize). */
void pooling_normalize(float *vector, size_t dimension);

/* False when any element is NaN or infinite. */
bool pooling_is_finite(const float *vector, size_t dimension);

/* The way that the sequence is pooled; never AKI_POOLING_MODEL. */
static inline aki_pooling pooling_of(const pooling_model *m, const encoder_sequence *sequence)
{
    return sequence->pooling == AKI_POOLING_MODEL ? m->pooling : sequence->pooling;
}

/* From the hidden states of its tokens to the sequence's vector, still of any length. */
void pooling_pool(const pooling_model *m, encoder_sequence *sequence, const float *hidden);
/* Then, from there to the vector as it is wanted, and the status. */
void pooling_conclude(const pooling_model *m, encoder_sequence *sequence);
/* Both. */
void pooling_finish(const pooling_model *m, encoder_sequence *sequence, const float *hidden);
/* Concludes from what a device has pooled: [dimension]. */
void pooling_finish_pooled(const pooling_model *m, encoder_sequence *sequence, const float *pooled);

#endif
