/* The CPU device's parts, as opening, packing and calibration make them and the forward pass uses them. */
#ifndef ENGINE_CPU_INTERNAL_H
#define ENGINE_CPU_INTERNAL_H

#include "base/team.h"
#include "engine/device/cpu_device.h"
#include "kernels/int8.h"
#include "kernels/kernels.h"

typedef struct cpu_norm {
    float *gamma, *beta; /* [hidden], or as model_layer says; gamma NULL = there is none */
} cpu_norm;

/* The kinds of matrices of a layer in the order in which a pass reads them. */
typedef enum cpu_place {
    CPU_QKV,              /* [cpu_qkv_size][hidden]: query (scaled, see kernel_attention), key, value */
    CPU_ATTENTION_OUTPUT, /* [hidden][queries] */
    CPU_INTERMEDIATE, /* [intermediate][hidden]; where it is gated [2 * intermediate][hidden], see CPU_GATE_STEP */
    CPU_OUTPUT,       /* [hidden][intermediate] */
    CPU_PLACES,
} cpu_place;

/* A packed matrix with its bias. */
typedef struct cpu_matrix {
    size_t layer, expert; /* expert 0: of a layer that has none, too */
    cpu_place place;
    /* in cpu_device.packed, by the kernels of cpu_device.int8 when int8 is set, else of .linear */
    void *packed;
    size_t outputs, inputs;
    bool int8;
    bool int4;      /* stored as int4 with panels of .linear's column_step */
    float *factors; /* [inputs] of int8_quantisation; NULL = 1 */
} cpu_matrix;

/* Outputs of the gate and outputs that it is multiplied by stand in turns of this many in one matrix, so that both are at hand while
 * they are in the cache. A multiple of every tier's column step. */
#define CPU_GATE_STEP 128
#define CPU_GATED_STRIDE (2 * CPU_GATE_STEP + KERNEL_ALIGNMENT / sizeof(float))

typedef enum cpu_norm_place {
    CPU_ATTENTION_NORM,
    CPU_OUTPUT_NORM,
    CPU_BEFORE_ATTENTION,
    CPU_BEFORE_FEED_FORWARD,
    CPU_NORMS
} cpu_norm_place;

typedef struct cpu_layer {
    cpu_matrix *matrices[CPU_PLACES]; /* in cpu_device.matrices: that of the place, or those of the experts */
    float *router;                    /* [hidden][experts]; NULL = the layer is no mixture */
    float *experts_bias;              /* [hidden] */
    cpu_norm norms[CPU_NORMS];
    cpu_norm query_norm, key_norm; /* of model_layer; the query's is scaled */
} cpu_layer;

/* How a matrix is made of the model's. */
typedef struct cpu_plan {
    const char *name;
    size_t parts[3]; /* offsets of model_linear in model_layer: their outputs, one after the other */
    size_t count;
    bool follows_norm; /* its inputs come out of a norm; int8 has factors for these */
    bool activates;
} cpu_plan;

extern const cpu_plan cpu_plans[CPU_PLACES];

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
    const uint32_t *token_rows;   /* these two of a static model, as in model_weights */
    const float *token_weights;
    kernel_activation activation;
    cpu_norm embedding_norm, final_norm;
    /* [position_rows][hidden]: position + type 0 embedding; one row where no table of positions is */
    float *positions;
    size_t position_rows;
    float *type_step; /* [hidden]: type 1 less type 0 embedding; NULL where the model has no type 1 */
    float *zeros;     /* [hidden] */
    /* [max_positions] of [head_size / 2] cosines and as many sines; NULL = nothing is turned. One table for both where they are equal. */
    float *rotary[MODEL_REACHES];
    /* [heads], relative_stride apart: the bias of a key behind the query by -max_positions + 1 .. max_positions - 1, in base 2;
     * NULL = the graph has none */
    float *relative;
    size_t relative_stride;
    cpu_layer *layers;    /* [config.layers] */
    cpu_matrix *matrices; /* [matrix_count]: of all layers, in the order in which a pass reads them */
    size_t matrix_count;
    size_t experts_of_token; /* that compute it: those chosen; in calibration all, where the others weigh 0 */
    void *packed;            /* all packed matrices, one after the other; packed_bytes */
    size_t packed_bytes;
    void *vectors; /* norms and positions; vector_bytes */
    size_t vector_bytes;
    /* Of the list of devices that models of the same file share. The count and the link are under that list's lock. */
    bool is_shared;
    unsigned users;
    cpu_device *next;
};

/* Packs the weights of a device whose kernels are chosen. What it allocates belongs to the device, in failure too. */
AKI_MUST_CHECK aki_status cpu_pack(cpu_device *device, const model_weights *weights,
                                   const char *weights_cache, const log_sink *log, aki_error *error);

/* Allocates and places the packed matrices, of the precisions that each has now. */
AKI_MUST_CHECK aki_status cpu_place_packed(cpu_device *device, aki_error *error);

/* ---- between pack.c and calibrate.c ---- */

#define CPU_CALIBRATION_TOKENS                                                                               \
    64               /* at most; fewer where a model has fewer positions or a smaller vocabulary */
#define PACK_ROWS 64 /* outputs handed to the packing kernel at a time: whole panels of every tier */

/* Where a matrix comes from: outputs of several of the model's, one after the other, each scaled. */
typedef struct cpu_part {
    model_tensor weight; /* [outputs][inputs], or [inputs][outputs] where it is transposed */
    model_tensor bias;   /* data NULL = zeros */
    size_t outputs, inputs;
    bool transposed;
    float scale;
} cpu_part;

typedef struct cpu_parts {
    cpu_part list[3];
    size_t count;
    size_t turn; /* > 0: so many outputs of each in turn; 0: all of one, then all of the next */
} cpu_parts;

/* Room for conversion: rows: [PACK_ROWS][the most inputs], biases: [PACK_ROWS]. */
typedef struct pack_room {
    float *rows, *biases;
} pack_room;

cpu_parts cpu_matrix_parts(const cpu_device *device, const model_weights *weights, const cpu_matrix *matrix);
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

/* Calibration's view of a pass: called before each product, in the order of cpu_device.matrices, with the rows that it takes. */
typedef struct cpu_observer {
    void (*before)(void *cookie, const void *rows, kernel_number number, size_t stride);
    void *cookie;
} cpu_observer;

/* cpu_forward, observed. */
void cpu_forward_observed(const cpu_device *device, cpu_state *state, const device_batch *batch,
                          const cpu_observer *observer);

/* An expert that computes a token of a block. */
typedef struct cpu_choice {
    size_t expert;
    size_t slot;  /* row of the experts' buffers */
    float weight; /* of its output */
} cpu_choice;

/* "Numbers" are those of cpu_device.linear, kernel_precision.number; strides count what the rows consist of. */
struct cpu_state {
    size_t max_tokens;
    size_t row_block;
    unsigned char *block; /* [bytes]: all that follows, each 64-byte aligned */
    size_t bytes;
    float *hidden; /* [max_tokens][hidden]: the residual stream */
    float *normed; /* [max_tokens][hidden]: what products take of it; `hidden` itself without pre-norm */
    void *qkv,
        *context; /* [max_tokens][cpu_qkv_size], [max_tokens][queries] numbers: attention's input and output */
    /* [max_tokens][hidden] numbers, context_stride apart: `normed` as products take it; none in fp32 */
    void *narrowed;
    void *intermediate;          /* [slots][intermediate] numbers: inside the feed-forward net */
    int8_rows quantised;         /* [max_tokens]: `normed`, then the context, as products in int8 take them */
    int8_rows intermediate_int8; /* [slots][intermediate]: `intermediate`, in int8 */
    float *projected;            /* [row_block][hidden]: a product before its norm */
    float *gated; /* [row_block][2 * CPU_GATE_STEP], CPU_GATED_STRIDE apart: a step of a gated product */
    /* Of mixtures: slots are row_block * experts_of_token, one for each choice, in the order of the experts. In other models
     * `intermediate` has row_block slots, and these have none. */
    cpu_choice *choices;  /* [row_block][experts_of_token], by expert */
    size_t *slot_rows;    /* [slots]: row of the block */
    size_t *expert_slots; /* [experts + 1]: slot at which an expert begins */
    void *gathered;       /* [slots][hidden] numbers, context_stride apart: rows as the experts take them */
    int8_rows gathered_int8;
    float *expert_output; /* [slots][hidden], hidden_stride apart */
    float *output;        /* [max_tokens][hidden] dense */
    void *scratch;        /* of the attention */
    void *int8_scratch;   /* of products in int8 */
    void *expanded; /* [column_step outputs][the most inputs]: of a matrix stored as int4, packed by linear */
    size_t hidden_stride;                                   /* of hidden and projected */
    size_t qkv_stride, context_stride, intermediate_stride; /* context_stride: of narrowed too */
    team *team;                                             /* for passes that other workers help with */
    team_member leader;                                     /* of the pass that was begun */
    /* The pass as the mates see it. Written while none is inside. The arrays of `batch` may be overwritten as soon as
     * the pass is over. */
    device_batch batch;
    size_t rows;
    cpu_sharing sharing;
    cpu_sharing next_sharing; /* of the pass that begins next, which no mate reads */
};

/* Tokens of a text that stand before its rows. */
static inline size_t cpu_taken_over(const cpu_sharing *sharing, size_t text)
{
    return sharing->reuse != NULL ? sharing->reuse[text].tokens : 0;
}

/* Lets attention of a text see what it takes over in that layer. */
void cpu_take_over(const cpu_device *device, const cpu_reuse *reuse, size_t layer,
                   kernel_attention *attention);
/* Keeps keys and values of the rows and heads of the attention, where the pass is to. */
void cpu_keep(const cpu_device *device, const cpu_sharing *sharing, size_t layer,
              const kernel_attention *attention);

/* Numbers of a token that attention takes. */
static inline size_t cpu_qkv_size(const model_config *config)
{
    return model_query_size(config) + 2 * model_key_size(config);
}

/* Of any matrix of a layer. */
static inline size_t cpu_most_inputs(const model_config *config)
{
    const size_t queries = model_query_size(config);
    const size_t most = config->hidden_size > queries ? config->hidden_size : queries;
    return most > config->intermediate_size ? most : config->intermediate_size;
}

/* Bytes of one number. */
static inline size_t cpu_number_size(const cpu_device *device)
{
    return device->linear->number == KERNEL_BF16 ? sizeof(uint16_t) : sizeof(float);
}

#endif
