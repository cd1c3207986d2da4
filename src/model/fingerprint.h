/* Tells whether two loaded models are the same. */
#ifndef MODEL_FINGERPRINT_H
#define MODEL_FINGERPRINT_H

#include "model/model.h"

/* XXH64 of the configuration's numbers and of every tensor that is computed with: reads all of them, at the speed of memory. */
uint64_t model_fingerprint(const model_config *config, const model_weights *weights);

#endif
