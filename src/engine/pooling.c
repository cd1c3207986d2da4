#include "engine/pooling.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define SMALLEST_NORM 1e-12

/* How much the token at `index` counts. */
static float weight_of(aki_pooling pooling, size_t index)
{
    return pooling == AKI_POOLING_WEIGHTED_MEAN ? (float)(index + 1) : 1.0F;
}

static double divisor_of(aki_pooling pooling, size_t tokens)
{
    const double count = (double)tokens;
    return pooling == AKI_POOLING_WEIGHTED_MEAN   ? count * (count + 1) / 2
           : pooling == AKI_POOLING_MEAN_SQRT_LEN ? sqrt(count)
                                                  : count;
}

/* One column in f64, where no sum of finite numbers overflows; a NaN or infinity stays. */
static float wide_mean(aki_pooling pooling, const float *column, size_t tokens, size_t stride)
{
    double sum = 0.0;
    for (size_t t = 0; t < tokens; t++)
        sum += (double)weight_of(pooling, t) * column[t * stride];
    return (float)(sum / divisor_of(pooling, tokens));
}

static void mean(aki_pooling pooling, const float *hidden, size_t tokens, size_t dimension, float *vector)
{
    const float divisor = (float)divisor_of(pooling, tokens);
    memcpy(vector, hidden, dimension * sizeof *vector);
    for (size_t t = 1; t < tokens; t++) {
        const float weight = weight_of(pooling, t);
        for (size_t d = 0; d < dimension; d++)
            vector[d] += weight * hidden[t * dimension + d];
    }
    for (size_t d = 0; d < dimension; d++)
        vector[d] /= divisor;
    if (!pooling_is_finite(vector, dimension)) /* the sum of finite states overflowed, or one is not finite */
        for (size_t d = 0; d < dimension; d++)
            vector[d] = wide_mean(pooling, hidden + d, tokens, dimension);
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
    case AKI_POOLING_LAST:
        memcpy(vector, hidden + (tokens - 1) * dimension, dimension * sizeof *vector);
        break;
    case AKI_POOLING_MODEL:
    case AKI_POOLING_MEAN:
    case AKI_POOLING_MEAN_SQRT_LEN:
    case AKI_POOLING_WEIGHTED_MEAN:
        mean(pooling, hidden, tokens, dimension, vector);
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

struct not_finite {
    pthread_mutex_t lock; /* of both below */
    bool known;
    char cause[192];
};

not_finite *not_finite_open(void)
{
    not_finite *n = mem_zalloc(1, sizeof *n);
    if (n != NULL)
        pthread_mutex_init(&n->lock, NULL);
    return n;
}

void not_finite_close(not_finite *n)
{
    if (n == NULL)
        return;
    pthread_mutex_destroy(&n->lock);
    mem_free(n);
}

static void find(not_finite *n, const model *files, const cpu_device *cpu)
{
    char tensor[96];
    size_t row;
    if (model_find_not_finite(files, tensor, sizeof tensor, &row))
        snprintf(n->cause, sizeof n->cause, "row %zu of the weights '%s' is not finite", row, tensor);
    else
        snprintf(n->cause, sizeof n->cause,
                 "the weights are finite, but sums left f32 on the CPU (%s kernels, precision %s)",
                 cpu_device_tier(cpu), cpu_device_precision_name(cpu));
}

const char *not_finite_cause(not_finite *n, const model *files, const cpu_device *cpu, const log_sink *log)
{
    pthread_mutex_lock(&n->lock);
    if (!n->known) {
        find(n, files, cpu);
        n->known = true;
        log_write(log, AKI_LOG_ERROR, "model", "a vector came out with NaN or infinity: %s", n->cause);
    }
    pthread_mutex_unlock(&n->lock);
    return n->cause;
}
