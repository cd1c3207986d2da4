#include "server/vector_check.h"

#include <math.h>
#include <string.h>

#define LEAST_COSINE_FP32 0.999999
#define LEAST_COSINE_BF16 0.999
#define LEAST_COSINE_INT8 0.98
#define LEAST_COSINE_INT4 0.85
#define LEAST_COSINE_SAME_MODEL 0.9999

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

bool vector_agrees(const float *vector, const float *expected, size_t dimension)
{
    return memcmp(vector, expected, dimension * sizeof *vector) == 0 ||
           vector_cosine(vector, expected, dimension) >= LEAST_COSINE_SAME_MODEL; /* not where it is NaN */
}
