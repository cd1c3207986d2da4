#include "serving/vector_check.h"

#include <math.h>
#include <string.h>

#define LEAST_COSINE_FP32 0.999999
#define LEAST_COSINE_BF16 0.999
#define LEAST_COSINE_INT8 0.98
#define LEAST_COSINE_INT4 0.85
#define LEAST_COSINE_SAME_DEVICE 0.9999
/* Subtracted from the least cosine, because both devices differ from the exact vector. */
#define COSINE_BETWEEN_DEVICES 0.02

double vector_cosine(const float *a, const float *b, size_t dimension)
{
    double product = 0, a_square = 0, b_square = 0;
    for (size_t i = 0; i < dimension; i++) {
        product += (double)a[i] * b[i];
        a_square += (double)a[i] * a[i];
        b_square += (double)b[i] * b[i];
    }
    return product / sqrt(a_square * b_square);
}

double vector_least_cosine(aki_precision precision)
{
    switch (precision) {
    case AKI_PRECISION_FP32:
        return LEAST_COSINE_FP32;
    case AKI_PRECISION_INT8:
        return LEAST_COSINE_INT8;
    case AKI_PRECISION_INT4:
        return LEAST_COSINE_INT4;
    default:
        return LEAST_COSINE_BF16;
    }
}

bool vector_is_near(const float *vector, const float *expected, size_t dimension, double least_cosine)
{
    double square = 0, expected_square = 0;
    for (size_t i = 0; i < dimension; i++) {
        square += (double)vector[i] * vector[i];
        expected_square += (double)expected[i] * expected[i];
    }
    const double away = fabs(sqrt(square / expected_square) - 1);
    return vector_cosine(vector, expected, dimension) >= least_cosine && /* false for NaN */
           away <= sqrt(1 - least_cosine * least_cosine);
}

bool vector_agrees(const float *vector, const float *expected, size_t dimension)
{
    return memcmp(vector, expected, dimension * sizeof *vector) == 0 ||
           vector_is_near(vector, expected, dimension, LEAST_COSINE_SAME_DEVICE);
}

bool vector_agrees_across(const float *vector, const float *expected, size_t dimension,
                          aki_precision precision)
{
    return vector_is_near(vector, expected, dimension,
                          vector_least_cosine(precision) - COSINE_BETWEEN_DEVICES);
}

bool vector_logits_agree(const float *logits, const float *expected, size_t count, aki_precision precision,
                         bool across)
{
    /* The error of a vector of length 1 whose cosine is that, for logits of the size of the greatest one or of 1. */
    const double cosine =
        across ? vector_least_cosine(precision) - COSINE_BETWEEN_DEVICES : LEAST_COSINE_SAME_DEVICE;
    double most = 1;
    for (size_t i = 0; i < count; i++)
        most = fabs((double)expected[i]) > most ? fabs((double)expected[i]) : most;
    const double allowed = most * 2 * sqrt(1 - cosine * cosine);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)logits[i] - expected[i]) <= allowed))
            return false;
    return true;
}
