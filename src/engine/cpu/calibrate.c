/* Calibration: what int8 needs to know of a model's activations, found when the model is opened.
 *
 * A short pass over token ids from all over the vocabulary goes through the layers in the precision that stands beside int8, and is
 * observed before each product. Rows that come out of a norm have a few inputs that are greater than the others in every text; they would coarsen their row's
 * scale. For each input k of the products behind a norm a factor (greatest weight)^(1-a) / (greatest activation)^a, rounded to a
 * power of two, moves that difference into the weights, as SmoothQuant does (Xiao et al. 2022, arXiv 2211.10438), a = 0.6.
 *
 * Of a mixture every expert takes the rows of all tokens, so that it is known even where few tokens choose it.
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
    const model_weights *weights;
    const pack_room *room;
    const log_sink *log;
    size_t tokens, widest, seen; /* widest: columns of any row below; seen: products */
    float *projected, *in_int8;  /* [tokens][widest] f32: a product, and the same as int8 computes it */
    void *numbers;               /* [tokens][widest] numbers of device->linear */
    int8_rows quantised;
    void *packed, *packed_int8; /* the matrix at hand */
    size_t packed_bytes, packed_int8_bytes;
    float *weight_magnitudes; /* [widest] */
    void *int8_scratch;
    /* The pass: in the precision beside int8, all rows in one block, every matrix in the room that `packed` is. */
    cpu_device wide;
    kernel_precision linear;
    int32_t *ids;
} calibration;

static void place(calibration *c, carver *room)
{
    const size_t stride = (c->widest + 63) / 64 * 64;
    c->projected = carve(room, c->tokens * c->widest, sizeof(float));
    c->in_int8 = carve(room, c->tokens * c->widest, sizeof(float));
    c->numbers = carve(room, c->tokens * c->widest, sizeof(float));
    c->quantised = (int8_rows){.stride = stride, .scale_stride = int8_chunks(c->widest)};
    c->quantised.values = carve(room, c->tokens * stride, 1);
    c->quantised.scales = carve(room, c->tokens * c->quantised.scale_stride, sizeof(float));
    c->packed = carve(room, c->packed_bytes, 1);
    c->packed_int8 = carve(room, c->packed_int8_bytes, 1);
    c->weight_magnitudes = carve(room, c->widest, sizeof(float));
    c->int8_scratch = carve(room, c->device->int8->scratch_bytes(c->tokens), 1);
    c->wide.layers = carve(room, c->device->config.layers, sizeof *c->wide.layers);
    c->wide.matrices = carve(room, c->device->matrix_count, sizeof *c->wide.matrices);
    c->ids = carve(room, c->tokens, sizeof *c->ids);
}

/* Sizes of the largest matrix; false when one does not fit size_t. */
static bool measure_matrices(calibration *c)
{
    for (size_t m = 0; m < c->device->matrix_count; m++) {
        const cpu_matrix *matrix = &c->device->matrices[m];
        const size_t bytes = c->device->linear->packed_bytes(matrix->outputs, matrix->inputs);
        const size_t int8_bytes = c->device->int8->packed_bytes(matrix->outputs, matrix->inputs);
        if (bytes == 0 || int8_bytes == 0)
            return false;
        c->packed_bytes = bytes > c->packed_bytes ? bytes : c->packed_bytes;
        c->packed_int8_bytes = int8_bytes > c->packed_int8_bytes ? int8_bytes : c->packed_int8_bytes;
        c->widest = matrix->outputs > c->widest ? matrix->outputs : c->widest;
    }
    c->widest = (c->widest + 15) / 16 * 16;
    return c->widest <= SIZE_MAX / CPU_CALIBRATION_TOKENS / sizeof(float) / 2;
}

/* The device as the pass sees it, once the room for it is there. */
static void make_wide(calibration *c)
{
    const cpu_device *device = c->device;
    cpu_layer *layers = c->wide.layers;
    cpu_matrix *matrices = c->wide.matrices;
    c->linear = *device->linear;
    c->linear.row_block = c->tokens;
    c->wide = *device;
    c->wide.linear = &c->linear;
    c->wide.int8 = NULL;
    c->wide.layers = layers;
    c->wide.matrices = matrices;
    c->wide.experts_of_token = device->config.graph.experts;
    for (size_t m = 0; m < device->matrix_count; m++) {
        matrices[m] = device->matrices[m];
        matrices[m].int8 = false;
        matrices[m].packed = c->packed;
    }
    for (size_t l = 0; l < device->config.layers; l++) {
        layers[l] = device->layers[l];
        for (cpu_place place = 0; place < CPU_PLACES; place++)
            layers[l].matrices[place] = matrices + (device->layers[l].matrices[place] - device->matrices);
    }
}

static void find_factors(const calibration *c, cpu_matrix *matrix, const cpu_parts *parts, const float *rows,
                         size_t stride)
{
    double mean = 0.0, counted = 0.0;
    cpu_column_magnitudes(parts, c->weight_magnitudes, c->room);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < matrix->inputs; i++) {
            float greatest = 0.0f;
            for (size_t t = 0; t < c->tokens; t++)
                greatest = fmaxf(greatest, fabsf(rows[t * stride + i]));
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

/* Packs the matrix for the pass and in int8. */
static void pack_both(const calibration *c, const cpu_matrix *matrix, const cpu_parts *parts)
{
    cpu_matrix wide = *matrix, narrow = *matrix;
    wide.int8 = false;
    wide.packed = c->packed;
    narrow.packed = c->packed_int8;
    memset(wide.packed, 0, c->linear.packed_bytes(matrix->outputs, matrix->inputs));
    memset(narrow.packed, 0, c->device->int8->packed_bytes(matrix->outputs, matrix->inputs));
    cpu_pack_matrix(c->device, &wide, parts, c->room);
    cpu_pack_matrix(c->device, &narrow, parts, c->room);
}

/* The product in both precisions; their difference decides about the matrix. */
static void try_matrix(calibration *c, cpu_matrix *matrix, const cpu_plan *plan, kernel_number number,
                       const void *rows, size_t stride)
{
    const kernel_int8 *int8 = c->device->int8;
    const kernel_activation activation =
        plan->activates && !c->device->config.graph.gated ? c->device->activation : KERNEL_IDENTITY;
    const bool narrows = number != c->linear.number;
    if (narrows)
        c->linear.narrow(c->tokens, matrix->inputs, rows, stride, c->numbers, c->widest);
    c->linear.multiply(&(kernel_product){
        .rows = c->tokens,
        .inputs = matrix->inputs,
        .outputs = matrix->outputs,
        .input = narrows ? c->numbers : rows,
        .input_stride = narrows ? c->widest : stride,
        .weights = c->packed,
        .output = c->projected,
        .output_stride = c->widest,
        .activation = activation,
    });
    int8->quantise(&(int8_quantisation){.rows = c->tokens,
                                        .columns = matrix->inputs,
                                        .number = number,
                                        .from = rows,
                                        .from_stride = stride,
                                        .factors = matrix->factors,
                                        .to = c->quantised});
    int8->multiply(&(int8_product){
        .rows = c->tokens,
        .inputs = matrix->inputs,
        .outputs = matrix->outputs,
        .input = c->quantised,
        .weights = c->packed_int8,
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
    c->device->kept_from_int8 += !matrix->int8;
    log_write(c->log, AKI_LOG_DEBUG, "device", "%s in int8: error %.4f of its root mean square%s", plan->name,
              error, matrix->int8 ? "" : ", kept from it");
}

/* Before a product of the pass. */
static void observe(void *cookie, const void *rows, kernel_number number, size_t stride)
{
    calibration *c = cookie;
    cpu_matrix *matrix = &c->device->matrices[c->seen++];
    const cpu_parts parts = cpu_matrix_parts(c->device, c->weights, matrix);
    if (cpu_plans[matrix->place].follows_norm)
        find_factors(c, matrix, &parts, rows, stride);
    pack_both(c, matrix, &parts);
    try_matrix(c, matrix, &cpu_plans[matrix->place], number, rows, stride);
}

size_t cpu_calibration_tokens(const model_config *config)
{
    size_t tokens = CPU_CALIBRATION_TOKENS;
    while (tokens > config->max_positions || tokens > config->vocabulary_size)
        tokens /= 2;
    return tokens;
}

/* Token ids spread over the vocabulary, in an order that is not that of the vocabulary. */
static aki_status run_pass(calibration *c, aki_error *error)
{
    cpu_state *state;
    aki_status status = cpu_state_open(&state, &c->wide, c->tokens, error);
    if (status != AKI_OK)
        return status;
    for (size_t t = 0; t < c->tokens; t++) {
        const size_t place = t * 29 % c->tokens; /* a permutation where tokens is a power of two */
        c->ids[t] = (int32_t)(c->device->config.vocabulary_size / c->tokens * place);
    }
    const uint32_t offsets[2] = {0, (uint32_t)c->tokens};
    cpu_forward_observed(&c->wide, state,
                         &(device_batch){.token_ids = c->ids, .offsets = offsets, .texts = 1},
                         &(cpu_observer){observe, c});
    cpu_state_close(state);
    return AKI_OK;
}

aki_status cpu_calibrate(cpu_device *device, const model_weights *weights, const pack_room *room,
                         const log_sink *log, aki_error *error)
{
    const model_config *config = &device->config;
    calibration c = {.device = device,
                     .weights = weights,
                     .room = room,
                     .log = log,
                     .tokens = cpu_calibration_tokens(config)};
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
    make_wide(&c);
    device->kept_from_int8 = 0;
    const aki_status status = run_pass(&c, error);
    if (status == AKI_OK)
        log_write(log, AKI_LOG_DEBUG, "device", "%zu of %zu matrices are kept from int8",
                  device->kept_from_int8, device->matrix_count);
    mem_free(block);
    return status;
}
