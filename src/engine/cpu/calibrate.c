/* Calibration: what int8 needs to know of a model's activations, found when the model is opened.
 *
 * A short pass over token ids from all over the vocabulary goes through the layers in the precision that stands beside int8. Rows
 * that come out of a norm have a few inputs that are greater than the others in every text; they would coarsen their row's
 * scale. For each input k of the products behind a norm a factor (greatest weight)^(1-a) / (greatest activation)^a, rounded to a
 * power of two, moves that difference into the weights, as SmoothQuant does (Xiao et al. 2022, arXiv 2211.10438), a = 0.6.
 *
 * Each product is then computed in int8 too. A matrix whose results differ by more than MOST_ERROR stays in the other precision.
 * Factors and choice depend on the model and the tier only. */
#include "engine/cpu/internal.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/cpu/carve.h"

#define STRENGTH 0.6       /* a */
#define MOST_EXPONENT 12.0 /* of a factor */
/* Of the root mean square of a product. Matrices of all-MiniLM-L6-v2 have 0.006 to 0.03. */
#define MOST_ERROR 0.1

typedef struct calibration {
    cpu_device *device;
    const pack_room *room;
    const log_sink *log;
    size_t tokens, widest;               /* columns of any row below; also its stride */
    float *hidden, *projected, *in_int8; /* [tokens][widest] f32; in_int8: projected, as int8 computes it */
    void *numbers, *context;             /* [tokens][widest] numbers of device->linear */
    int8_rows quantised;
    void *packed, *packed_int8; /* the matrix at hand */
    size_t packed_bytes, packed_int8_bytes;
    float *weight_magnitudes; /* [widest] */
    void *attention_scratch, *int8_scratch;
    size_t kept;
} calibration;

static void place(calibration *c, carver *room)
{
    const cpu_device *device = c->device;
    const size_t stride = (c->widest + 63) / 64 * 64;
    c->hidden = carve(room, c->tokens * c->widest, sizeof(float));
    c->projected = carve(room, c->tokens * c->widest, sizeof(float));
    c->in_int8 = carve(room, c->tokens * c->widest, sizeof(float));
    c->numbers = carve(room, c->tokens * c->widest, sizeof(float));
    c->context = carve(room, c->tokens * c->widest, sizeof(float));
    c->quantised = (int8_rows){.stride = stride, .scale_stride = int8_chunks(c->widest)};
    c->quantised.values = carve(room, c->tokens * stride, 1);
    c->quantised.scales = carve(room, c->tokens * c->quantised.scale_stride, sizeof(float));
    c->packed = carve(room, c->packed_bytes, 1);
    c->packed_int8 = carve(room, c->packed_int8_bytes, 1);
    c->weight_magnitudes = carve(room, c->widest, sizeof(float));
    c->attention_scratch =
        carve(room, device->linear->attention_scratch_bytes(c->tokens, device->config.head_size), 1);
    c->int8_scratch = carve(room, device->int8->scratch_bytes(c->tokens), 1);
}

/* Sizes of the layers' largest matrix; false when one does not fit size_t. */
static bool measure_matrices(calibration *c)
{
    const cpu_layer *layer = &c->device->layers[0];
    const cpu_matrix *matrices[CPU_MATRICES] = {&layer->qkv, &layer->attention_output, &layer->intermediate,
                                                &layer->output};
    for (size_t i = 0; i < CPU_MATRICES; i++) {
        const size_t outputs = matrices[i]->outputs, inputs = matrices[i]->inputs;
        const size_t bytes = c->device->linear->packed_bytes(outputs, inputs);
        const size_t int8_bytes = c->device->int8->packed_bytes(outputs, inputs);
        if (bytes == 0 || int8_bytes == 0)
            return false;
        c->packed_bytes = bytes > c->packed_bytes ? bytes : c->packed_bytes;
        c->packed_int8_bytes = int8_bytes > c->packed_int8_bytes ? int8_bytes : c->packed_int8_bytes;
        c->widest = outputs > c->widest ? outputs : c->widest;
    }
    c->widest = (c->widest + 15) / 16 * 16;
    return c->widest <= SIZE_MAX / CPU_CALIBRATION_TOKENS / sizeof(float) / 2;
}

static void normalise(const calibration *c, const cpu_norm *norm, const float *residual,
                      size_t residual_stride)
{
    c->device->kernels->norm(&(kernel_norm){
        .rows = c->tokens,
        .columns = c->device->config.hidden_size,
        .input = c->projected,
        .input_stride = c->widest,
        .residual = residual,
        .residual_stride = residual_stride,
        .gamma = norm->gamma,
        .beta = norm->beta,
        .epsilon = c->device->config.layer_norm_epsilon,
        .output = c->hidden,
        .output_stride = c->widest,
    });
}

/* Token ids spread over the vocabulary, in an order that is not that of the vocabulary. */
static void embed(const calibration *c)
{
    const model_config *config = &c->device->config;
    for (size_t t = 0; t < c->tokens; t++) {
        const size_t place = t * 29 % c->tokens; /* a permutation where tokens is a power of two */
        const size_t id = config->vocabulary_size / c->tokens * place;
        tensor_read_f32(&c->device->word_embeddings, id * config->hidden_size, config->hidden_size,
                        c->projected + t * c->widest);
    }
    normalise(c, &c->device->embedding_norm, c->device->positions, config->hidden_size);
}

static void find_factors(const calibration *c, cpu_matrix *matrix, const cpu_parts *parts)
{
    double mean = 0.0, counted = 0.0;
    cpu_column_magnitudes(parts, c->weight_magnitudes, c->room);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < matrix->inputs; i++) {
            float greatest = 0.0f;
            for (size_t t = 0; t < c->tokens; t++)
                greatest = fmaxf(greatest, fabsf(c->hidden[t * c->widest + i]));
            const double exponent =
                (1.0 - STRENGTH) * log2((double)c->weight_magnitudes[i]) - STRENGTH * log2((double)greatest);
            const bool known = isfinite(exponent);
            if (pass == 0 && known) {
                mean += exponent;
                counted += 1.0;
            } else if (pass == 1) {
                const double from_mean = known ? exponent - mean / counted : 0.0;
                matrix->factors[i] = (float)exp2(rint(fmin(fmax(from_mean, -MOST_EXPONENT), MOST_EXPONENT)));
            }
        }
}

/* projected = activation(rows * matrix), and the same in int8, whose difference decides about the matrix. */
static void try_matrix(calibration *c, cpu_matrix *matrix, const cpu_parts *parts, kernel_number number,
                       const void *rows, kernel_activation activation, const char *name)
{
    const kernel_precision *linear = c->device->linear;
    const kernel_int8 *int8 = c->device->int8;
    cpu_matrix wide = *matrix, narrow = *matrix;
    wide.int8 = false;
    wide.packed = c->packed;
    narrow.packed = c->packed_int8;
    memset(wide.packed, 0, linear->packed_bytes(matrix->outputs, matrix->inputs));
    memset(narrow.packed, 0, int8->packed_bytes(matrix->outputs, matrix->inputs));
    cpu_pack_matrix(c->device, &wide, parts, c->room);
    cpu_pack_matrix(c->device, &narrow, parts, c->room);

    const void *numbers = rows;
    if (number != linear->number) {
        linear->narrow(c->tokens, matrix->inputs, rows, c->widest, c->numbers, c->widest);
        numbers = c->numbers;
    }
    linear->multiply(&(kernel_product){
        .rows = c->tokens,
        .inputs = matrix->inputs,
        .outputs = matrix->outputs,
        .input = numbers,
        .input_stride = c->widest,
        .weights = wide.packed,
        .output = c->projected,
        .output_stride = c->widest,
        .activation = activation,
    });
    int8->quantise(&(int8_quantisation){.rows = c->tokens,
                                        .columns = matrix->inputs,
                                        .number = number,
                                        .from = rows,
                                        .from_stride = c->widest,
                                        .factors = matrix->factors,
                                        .to = c->quantised});
    int8->multiply(&(int8_product){
        .rows = c->tokens,
        .inputs = matrix->inputs,
        .outputs = matrix->outputs,
        .input = c->quantised,
        .weights = narrow.packed,
        .activation = activation,
        .form = INT8_TO_F32,
        .output = c->in_int8,
        .output_stride = c->widest,
        .scratch = c->int8_scratch,
    });
    double squares = 0.0, errors = 0.0;
    for (size_t t = 0; t < c->tokens; t++)
        for (size_t o = 0; o < matrix->outputs; o++) {
            const double x = c->projected[t * c->widest + o], e = c->in_int8[t * c->widest + o] - x;
            squares += x * x;
            errors += e * e;
        }
    const double error = squares > 0.0 ? sqrt(errors / squares) : 0.0;
    matrix->int8 = error <= MOST_ERROR; /* not when it is NaN */
    c->kept += !matrix->int8;
    log_write(c->log, AKI_LOG_DEBUG, "device", "%s in int8: error %.4f of its root mean square%s", name,
              error, matrix->int8 ? "" : ", kept from it");
}

/* Rows of c->projected as numbers of the precision beside int8. */
static const void *numbers_of(const calibration *c, size_t columns)
{
    if (c->device->linear->narrow == NULL)
        return memcpy(c->numbers, c->projected, c->tokens * c->widest * sizeof(float));
    c->device->linear->narrow(c->tokens, columns, c->projected, c->widest, c->numbers, c->widest);
    return c->numbers;
}

static void run_layer(calibration *c, cpu_layer *layer, const model_layer *weights)
{
    const cpu_device *device = c->device;
    const kernel_number number = device->linear->number;
    cpu_parts parts[CPU_MATRICES];
    cpu_layer_parts(device, weights, parts);

    find_factors(c, &layer->qkv, &parts[0]);
    try_matrix(c, &layer->qkv, &parts[0], KERNEL_F32, c->hidden, KERNEL_IDENTITY, "query, key and value");
    device->linear->attention(&(kernel_attention){
        .tokens = c->tokens,
        .heads = device->config.heads,
        .head_size = device->config.head_size,
        .head_count = device->config.heads,
        .qkv = numbers_of(c, layer->qkv.outputs),
        .qkv_stride = c->widest,
        .output = c->context,
        .output_stride = c->widest,
        .scratch = c->attention_scratch,
    });
    try_matrix(c, &layer->attention_output, &parts[1], number, c->context, KERNEL_IDENTITY,
               "attention output");
    normalise(c, &layer->attention_norm, c->hidden, c->widest);

    find_factors(c, &layer->intermediate, &parts[2]);
    try_matrix(c, &layer->intermediate, &parts[2], KERNEL_F32, c->hidden, device->activation,
               "feed-forward in");
    try_matrix(c, &layer->output, &parts[3], number, numbers_of(c, layer->intermediate.outputs),
               KERNEL_IDENTITY, "feed-forward out");
    normalise(c, &layer->output_norm, c->hidden, c->widest);
}

size_t cpu_calibration_tokens(const model_config *config)
{
    size_t tokens = CPU_CALIBRATION_TOKENS;
    while (tokens > config->max_positions || tokens > config->vocabulary_size)
        tokens /= 2;
    return tokens;
}

aki_status cpu_calibrate(cpu_device *device, const model_weights *weights, const pack_room *room,
                         const log_sink *log, aki_error *error)
{
    const model_config *config = &device->config;
    calibration c = {.device = device, .room = room, .log = log, .tokens = cpu_calibration_tokens(config)};
    carver counted = {0};
    if (measure_matrices(&c))
        place(&c, &counted);
    else
        counted.overflow = true;
    if (counted.overflow)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "the model's weights do not fit this machine's addresses");
    void *block = mem_alloc_aligned(counted.used, 1);
    if (block == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu bytes to calibrate int8", counted.used);
    place(&c, &(carver){.base = block});
    embed(&c);
    for (size_t l = 0; l < config->layers; l++)
        run_layer(&c, &device->layers[l], &weights->layers[l]);
    device->kept_from_int8 = c.kept;
    log_write(log, AKI_LOG_DEBUG, "device", "%zu of %zu matrices are kept from int8", c.kept,
              CPU_MATRICES * config->layers);
    mem_free(block);
    return AKI_OK;
}
