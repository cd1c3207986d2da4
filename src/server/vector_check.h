/* Whether a vector is the one that it should be. */
#ifndef SERVER_VECTOR_CHECK_H
#define SERVER_VECTOR_CHECK_H

#include "akidb/embed.h"

/* Cosine of the angle between two vectors, in double precision; NaN where one has no length. */
double vector_cosine(const float *a, const float *b, size_t dimension);

/* The least cosine to sentence-transformers in fp32 that a precision is held to. */
double vector_least_cosine(aki_precision precision);

/* The same bits, or a cosine that only the rounding of another device explains. */
bool vector_agrees(const float *vector, const float *expected, size_t dimension);

#endif
