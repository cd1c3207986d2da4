/* Every limit on what a model folder may hold. Each is far above any published BERT model, so that a file beyond it is
 * damaged or hostile, and each appears in the message of the error that reports it. */
#ifndef MODEL_LIMITS_H
#define MODEL_LIMITS_H

#include <stddef.h>

#define MODEL_MAX_JSON_BYTES ((size_t)16 << 20) /* config.json and its like */
#define MODEL_MAX_HEADER_BYTES                                                                               \
    ((size_t)100000000)            /* safetensors header, as in the reference implementation */
#define MODEL_MAX_RANK ((size_t)8) /* dimensions of a tensor */

#define MODEL_MAX_VOCABULARY ((size_t)1 << 21)
#define MODEL_MAX_HIDDEN ((size_t)1 << 13)
#define MODEL_MAX_LAYERS ((size_t)256)
#define MODEL_MAX_HEADS ((size_t)256)
#define MODEL_MAX_INTERMEDIATE ((size_t)1 << 16)
#define MODEL_MAX_EXPERTS ((size_t)64)
#define MODEL_MAX_POSITIONS ((size_t)1 << 16)
#define MODEL_MAX_TOKEN_TYPES ((size_t)64)
#define MODEL_STATIC_TOKENS ((size_t)1 << 15) /* per text, of models that have no limit of their own */
#define MODEL_MIN_TOKENS ((size_t)2)          /* per text: [CLS] and [SEP] */

#define MODEL_MAX_MODULES ((size_t)16) /* behind the Transformer */
#define MODEL_MAX_POOLINGS ((size_t)8) /* of one Pooling, side by side */
#define MODEL_MAX_LABELS ((size_t)4096)
#define MODEL_MAX_LABEL_BYTES ((size_t)256)
#define MODEL_MAX_PROMPTS ((size_t)1024)
#define MODEL_MAX_PROMPT_BYTES ((size_t)16 << 10)

#endif
