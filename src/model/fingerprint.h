/* Tells whether two loaded models are the same. */
#ifndef MODEL_FINGERPRINT_H
#define MODEL_FINGERPRINT_H

#include "model/parts.h"

/* XXH64 of the configuration's numbers and of every tensor that is computed with, at the speed of memory. words: how many rows of the
 * word embeddings, which are half of a model, are read: spread evenly from the first on, or SIZE_MAX = all. */
uint64_t model_fingerprint(const model_config *config, const model_weights *weights, size_t words);

#endif
