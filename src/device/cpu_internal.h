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
    const kernel_precision *linear; /* products and attention of the precision in use */
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

/* "Numbers" are those of the precision in use, kernel_precision.number; strides count what the rows consist of. */
struct cpu_state {
    size_t max_tokens;
    size_t row_block;
    unsigned char *block; /* all that follows, each 64-byte aligned */
    float *hidden;        /* [max_tokens][hidden]: the residual stream */
    void *qkv,
        *context;   /* [max_tokens][3 * hidden], [max_tokens][hidden] numbers: attention's input and output */
    void *narrowed; /* [row_block][hidden] numbers: rows of `hidden` for a product; unused in fp32 */
    void *intermediate;   /* [row_block][intermediate] numbers: inside the feed-forward net */
    float *projected;     /* [row_block][hidden]: a product before its norm */
    float *output;        /* [max_tokens][hidden] dense */
    void *scratch;        /* of the attention */
    size_t hidden_stride; /* of hidden and projected */
    size_t qkv_stride, context_stride, intermediate_stride; /* context_stride: of narrowed too */
};

#endif
