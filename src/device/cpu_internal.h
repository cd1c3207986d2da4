/* What cpu_device.c makes and cpu_forward.c uses. */
#ifndef DEVICE_CPU_INTERNAL_H
#define DEVICE_CPU_INTERNAL_H

#include "device/cpu_device.h"
#include "kernels/kernels.h"

typedef struct cpu_norm {
    float *gamma, *beta; /* [hidden] */
} cpu_norm;

/* Packed weights; the pointers lead into cpu_device.packed, in the order in which a pass reads them. */
typedef struct cpu_layer {
    void *qkv;              /* [3 * hidden][hidden]: query (scaled, see kernel_attention), key, value */
    void *attention_output; /* [hidden][hidden] */
    void *intermediate;     /* [intermediate][hidden] */
    void *output;           /* [hidden][intermediate] */
    cpu_norm attention_norm, output_norm;
} cpu_layer;

struct cpu_device {
    const kernel_table *kernels;
    const kernel_linear *linear; /* of the precision in use */
    aki_precision precision;
    model_config config;
    model_tensor word_embeddings; /* a view of the model's file */
    kernel_activation activation;
    cpu_norm embedding_norm;
    float *positions;  /* [max_positions][hidden]: position + type 0 embedding */
    cpu_layer *layers; /* [config.layers] */
    void *packed;      /* all packed matrices, one after the other; packed_bytes */
    size_t packed_bytes;
    void *vectors; /* norms and positions; vector_bytes */
    size_t vector_bytes;
};

struct cpu_state {
    size_t max_tokens;
    size_t row_block;
    /* All in one block, each 64-byte aligned; strides in floats. */
    float *block;
    float *hidden, *qkv, *context; /* [max_tokens] rows: residual stream; queries, keys, values; attention */
    float *projected,
        *intermediate; /* [row_block] rows: a product before its norm; inside the feed-forward net */
    float *output;     /* [max_tokens][hidden_size] dense */
    void *scratch;     /* of the attention */
    size_t hidden_stride, qkv_stride, intermediate_stride;
};

#endif
