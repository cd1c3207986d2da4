/* Compares a vector with its expected value: cosine and length. */
#ifndef SERVING_VECTOR_CHECK_H
#define SERVING_VECTOR_CHECK_H

#include "akidb/embed.h"

/* Cosine of the angle between two vectors, in double precision; NaN where one has no length. */
double vector_cosine(const float *a, const float *b, size_t dimension);

/* The least cosine to sentence-transformers in fp32 that a precision is held to. */
double vector_least_cosine(aki_precision precision);

/* True when the cosine is at least `least_cosine` and the ratio of the lengths differs from 1 by at most the sine of
 * that angle. False where either has no length or is not finite. */
bool vector_is_near(const float *vector, const float *expected, size_t dimension, double least_cosine);

/* Compares two vectors of one device: equal bits, or a cosine of at least 0.9999 and about the same length. */
bool vector_agrees(const float *vector, const float *expected, size_t dimension);

/* Compares the vectors of two devices, one of which computes in this precision. */
bool vector_agrees_across(const float *vector, const float *expected, size_t dimension,
                          aki_precision precision);

/* Compares the logits of a classifier, of one device or (across) of two, of which one computes in this precision. A logit near 0 may
 * differ by many times itself, so the bound is on the difference. False where one is not finite. */
bool vector_logits_agree(const float *logits, const float *expected, size_t count, aki_precision precision,
                         bool across);

/* The vector that sentence-transformers computes for one sentence with all-MiniLM-L6-v2. `doctor` and the first inference of
 * `serve` compare theirs with it. */

#define REFERENCE_DIMENSION 384

extern const char reference_model[];          /* last part of the model's name */
extern const char reference_weights_sha256[]; /* of the published model.safetensors */
extern const char reference_text[];
extern const float reference_vector[REFERENCE_DIMENSION]; /* fp32, L2 norm 1 */

#endif
