/* What cpu_device.c and cpu_pack.c make and cpu_forward.c uses. */
#ifndef ENGINE_CPU_INTERNAL_H
#define ENGINE_CPU_INTERNAL_H

#include "base/team.h"
#include "engine/device/cpu_device.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"

typedef struct cpu_norm {
    float *gamma, *beta; /* [hidden] */
} cpu_norm;

/* A packed matrix with its bias. */
typedef struct cpu_matrix {
    void *
        packed; /* in cpu_device.packed, by the kernels of cpu_device.int8 when int8 is set, else of .linear */
    size_t outputs, inputs;
    bool int8;
    bool int4;      /* stored as int4 with panels of .linear's column_step */
    float *factors; /* [inputs] of int8_quantisation; NULL = 1 */
} cpu_matrix;

/* In the order in which a pass reads them. */
typedef struct cpu_layer {
    cpu_matrix qkv;              /* [3 * hidden][hidden]: query (scaled, see kernel_attention), key, value */
    cpu_matrix attention_output; /* [hidden][hidden] */
    cpu_matrix intermediate;     /* [intermediate][hidden] */
    cpu_matrix output;           /* [hidden][intermediate] */
    cpu_norm attention_norm, output_norm;
} cpu_layer;

struct cpu_device {
    const kernel_table *kernels;
    /* Attention and all products; in int8 attention, and products of the matrices that were kept from it. */
    const kernel_precision *linear;
    const kernel_int8 *int8; /* NULL in the other precisions */
    size_t kept_from_int8;   /* matrices that lose too much in it */
    bool int4;               /* matrices are stored as int4 */
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

/* Packs the weights of a device whose kernels are chosen. What it allocates belongs to the device, in failure too. */
AKI_MUST_CHECK aki_status cpu_pack(cpu_device *device, const model_weights *weights,
                                   const char *weights_cache, const log_sink *log, aki_error *error);

/* Allocates and places the packed matrices, of the precisions that each has now. */
AKI_MUST_CHECK aki_status cpu_place_packed(cpu_device *device, aki_error *error);

/* ---- between cpu_pack.c and cpu_calibrate.c ---- */

#define CPU_MATRICES 4 /* of a layer: qkv, attention output, intermediate, output */
#define CPU_CALIBRATION_TOKENS                                                                               \
    64               /* at most; fewer where a model has fewer positions or a smaller vocabulary */
#define PACK_ROWS 64 /* outputs handed to the packing kernel at a time: whole panels of every tier */

/* Where a matrix comes from: outputs of several of the model's, one after the other, each scaled. */
typedef struct cpu_part {
    const model_linear *linear;
    float scale;
} cpu_part;

typedef struct cpu_parts {
    cpu_part list[3];
    size_t count;
} cpu_parts;

/* Room for conversion: rows: [PACK_ROWS][the most inputs], biases: [PACK_ROWS]. */
typedef struct pack_room {
    float *rows, *biases;
} pack_room;

void cpu_layer_parts(const cpu_device *device, const model_layer *layer, cpu_parts parts[CPU_MATRICES]);
/* Into matrix->packed, which holds zeros. */
void cpu_pack_matrix(const cpu_device *device, const cpu_matrix *matrix, const cpu_parts *parts,
                     const pack_room *room);
/* greatest: [inputs], of each input the greatest magnitude of its weights. */
void cpu_column_magnitudes(const cpu_parts *parts, float *greatest, const pack_room *room);

/* Tokens of the calibration's pass: token t is row vocabulary_size / tokens * t of the word embeddings. */
size_t cpu_calibration_tokens(const model_config *config);

/* Finds the factors of the layers' matrices and which of these lose too much in int8. */
AKI_MUST_CHECK aki_status cpu_calibrate(cpu_device *device, const model_weights *weights,
                                        const pack_room *room, const log_sink *log, aki_error *error);

/* "Numbers" are those of cpu_device.linear, kernel_precision.number; strides count what the rows consist of. */
struct cpu_state {
    size_t max_tokens;
    size_t row_block;
    unsigned char *block; /* all that follows, each 64-byte aligned */
    float *hidden;        /* [max_tokens][hidden]: the residual stream */
    void *qkv,
        *context;   /* [max_tokens][3 * hidden], [max_tokens][hidden] numbers: attention's input and output */
    void *narrowed; /* [max_tokens][hidden] numbers: `hidden` as products take it; none in fp32 */
    void *intermediate;  /* [row_block][intermediate] numbers: inside the feed-forward net */
    int8_rows quantised; /* [max_tokens][hidden]: `hidden`, then the context, as products in int8 take them */
    int8_rows intermediate_int8; /* [row_block][intermediate]: `intermediate`, in int8 */
    float *projected;            /* [row_block][hidden]: a product before its norm */
    float *output;               /* [max_tokens][hidden] dense */
    void *scratch;               /* of the attention */
    void *int8_scratch;          /* of products in int8 */
    void *expanded; /* [column_step outputs][the most inputs]: of a matrix stored as int4, packed by linear */
    size_t hidden_stride;                                   /* of hidden and projected */
    size_t qkv_stride, context_stride, intermediate_stride; /* context_stride: of narrowed too */
    team *team;                                             /* for passes that other workers help with */
    team_member leader;                                     /* of the pass that was begun */
    /* The pass as the mates see it. Written while none is inside. The arrays of `batch` may be overwritten as soon as
     * the pass is over. */
    device_batch batch;
    size_t rows;
};

/* Bytes of one number. */
static inline size_t cpu_number_size(const cpu_device *device)
{
    return device->linear->number == KERNEL_BF16 ? sizeof(uint16_t) : sizeof(float);
}

#endif
