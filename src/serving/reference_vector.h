/* The vector that sentence-transformers computes for one sentence with all-MiniLM-L6-v2. `doctor` and the first inference of
 * `serve` compare theirs with it. */
#ifndef SERVING_REFERENCE_VECTOR_H
#define SERVING_REFERENCE_VECTOR_H

#define REFERENCE_DIMENSION 384

extern const char reference_model[];          /* last part of the model's name */
extern const char reference_weights_sha256[]; /* of the published model.safetensors */
extern const char reference_text[];
extern const float reference_vector[REFERENCE_DIMENSION]; /* fp32, L2 norm 1 */

#endif
