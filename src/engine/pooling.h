/* The arithmetic of pooling and normalisation. Plain C: 384 additions a token are nothing beside the layers. */
#ifndef ENGINE_POOLING_H
#define ENGINE_POOLING_H

#include "base/log.h"
#include "engine/device/cpu_device.h"
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

/* Finds out why vectors of a model contain NaN or infinity: damaged weights, or sums that overflow f32. */

typedef struct not_finite not_finite;

/* NULL = out of memory. */
not_finite *not_finite_open(void);
void not_finite_close(not_finite *n); /* NULL allowed */

/* Returns the cause as one clause, to follow a colon; valid as long as n. The first call reads all weights and logs
 * the finding; other threads wait meanwhile. Thread-safe. */
const char *not_finite_cause(not_finite *n, const model *files, const cpu_device *cpu, const log_sink *log);

#endif
