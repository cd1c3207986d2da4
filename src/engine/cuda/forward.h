/* A pass: BERT's layers over the tokens of several texts, and one pooled vector per text. */
#ifndef ENGINE_CUDA_FORWARD_H
#define ENGINE_CUDA_FORWARD_H

#include "engine/cuda/state.h"

/* As device_api's. */
device_status cuda_forward(void *device, void *state, const device_batch *batch, const float **output,
                           device_times *times, char *message);

#endif
