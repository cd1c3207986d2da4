#include "engine/pooling.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define SMALLEST_NORM 1e-12

/* The mean of one column, in f64, where no sum of finite numbers overflows; a NaN or infinity stays. */
static float wide_mean(const float *column, size_t tokens, size_t stride)
{
    double sum = 0.0;
    for (size_t t = 0; t < tokens; t++)
        sum += column[t * stride];
    return (float)(sum / (double)tokens);
}

static void mean(const float *hidden, size_t tokens, size_t dimension, float *vector)
{
    memcpy(vector, hidden, dimension * sizeof *vector);
    for (size_t t = 1; t < tokens; t++)
        for (size_t d = 0; d < dimension; d++)
            vector[d] += hidden[t * dimension + d];
    for (size_t d = 0; d < dimension; d++)
        vector[d] /= (float)tokens;
    if (!pooling_is_finite(vector, dimension)) /* the sum of finite states overflowed, or one is not finite */
        for (size_t d = 0; d < dimension; d++)
            vector[d] = wide_mean(hidden + d, tokens, dimension);
}

/* Written so that a NaN in any token reaches the result and is caught there. */
static void maximum(const float *hidden, size_t tokens, size_t dimension, float *vector)
{
    memcpy(vector, hidden, dimension * sizeof *vector);
    for (size_t t = 1; t < tokens; t++)
        for (size_t d = 0; d < dimension; d++) {
            float x = hidden[t * dimension + d];
            vector[d] = vector[d] >= x || isnan(vector[d]) ? vector[d] : x;
        }
}

void pooling_apply(aki_pooling pooling, const float *hidden, size_t tokens, size_t dimension, float *vector)
{
    switch (pooling) {
    case AKI_POOLING_CLS:
        memcpy(vector, hidden, dimension * sizeof *vector);
        break;
    case AKI_POOLING_MAX:
        maximum(hidden, tokens, dimension, vector);
        break;
    case AKI_POOLING_MODEL:
    case AKI_POOLING_MEAN:
        mean(hidden, tokens, dimension, vector);
        break;
    }
}

void pooling_normalize(float *vector, size_t dimension)
{
    double squares = 0;
    for (size_t d = 0; d < dimension; d++)
        squares += (double)vector[d] * vector[d];
    double norm = sqrt(squares);
    double scale = 1.0 / (norm > SMALLEST_NORM ? norm : SMALLEST_NORM);
    if (scale < FLT_MIN) /* as an f32 it would be denormal and lose bits */
        for (size_t d = 0; d < dimension; d++)
            vector[d] = (float)(vector[d] * scale);
    else
        for (size_t d = 0; d < dimension; d++)
            vector[d] *= (float)scale;
}

bool pooling_is_finite(const float *vector, size_t dimension)
{
    bool finite = true;
    for (size_t d = 0; d < dimension; d++)
        finite = finite && isfinite(vector[d]);
    return finite;
}

void pooling_pool(const pooling_model *m, encoder_sequence *sequence, const float *hidden)
{
    pooling_apply(pooling_of(m, sequence), hidden, sequence->count, m->dimension, sequence->vector);
}

void pooling_conclude(const pooling_model *m, encoder_sequence *sequence)
{
    const bool normalize =
        sequence->normalize == AKI_MODEL_DEFAULT ? m->normalize : sequence->normalize == AKI_ON;
    sequence->status = pooling_is_finite(sequence->vector, m->dimension) ? AKI_OK : AKI_NOT_FINITE;
    if (normalize && sequence->status == AKI_OK)
        pooling_normalize(sequence->vector, m->dimension);
}

void pooling_finish(const pooling_model *m, encoder_sequence *sequence, const float *hidden)
{
    pooling_pool(m, sequence, hidden);
    pooling_conclude(m, sequence);
}

void pooling_finish_pooled(const pooling_model *m, encoder_sequence *sequence, const float *pooled)
{
    memcpy(sequence->vector, pooled, m->dimension * sizeof *pooled);
    pooling_conclude(m, sequence);
}
