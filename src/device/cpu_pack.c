/* Packing: the weights of a model, read once and laid out as the tier's kernels want them. All matrices stand in one block in
 * the order in which a pass reads them, each in the precision that was chosen for it; norms and positions in another. */
#include "device/cpu_internal.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* Outputs handed to the packing kernel at a time: whole panels of every tier. */
#define PACK_ROWS 64

/* Hands out room from one block. With base NULL it only counts. */
typedef struct carver {
    unsigned char *base;
    size_t used;
    bool overflow;
} carver;

static void *carve(carver *c, size_t count, size_t size)
{
    size_t bytes, end;
    if (!size_mul(count, size, &bytes) || !size_add(bytes, KERNEL_ALIGNMENT - 1, &bytes) ||
        !size_add(c->used, bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT, &end)) {
        c->overflow = true;
        return NULL;
    }
    void *room = c->base != NULL ? c->base + c->used : NULL;
    c->used = end;
    return room;
}

static void carve_matrix(const cpu_device *device, carver *c, cpu_matrix *matrix)
{
    size_t bytes = matrix->int8 ? device->int8->packed_bytes(matrix->outputs, matrix->inputs)
                                : device->linear->packed_bytes(matrix->outputs, matrix->inputs);
    c->overflow |= bytes == 0;
    matrix->packed = carve(c, bytes, 1);
}

/* The layout of cpu_device.packed; run once to count, once to place. */
static void place_matrices(cpu_device *device, carver *c)
{
    for (size_t l = 0; l < device->config.layers; l++) {
        cpu_layer *layer = &device->layers[l];
        carve_matrix(device, c, &layer->qkv);
        carve_matrix(device, c, &layer->attention_output);
        carve_matrix(device, c, &layer->intermediate);
        carve_matrix(device, c, &layer->output);
    }
}

static void place_norm(cpu_norm *norm, size_t hidden, carver *c)
{
    norm->gamma = carve(c, hidden, sizeof(float));
    norm->beta = carve(c, hidden, sizeof(float));
}

static void place_vectors(cpu_device *device, carver *c)
{
    const size_t hidden = device->config.hidden_size;
    place_norm(&device->embedding_norm, hidden, c);
    for (size_t l = 0; l < device->config.layers; l++) {
        place_norm(&device->layers[l].attention_norm, hidden, c);
        place_norm(&device->layers[l].output_norm, hidden, c);
    }
    device->positions = carve(c, device->config.max_positions * hidden, sizeof(float));
}

/* Counts, allocates and places everything; fills nothing. */
static aki_status allocate(cpu_device *device, aki_error *error)
{
    carver weights = {0}, vectors = {0};
    place_matrices(device, &weights);
    place_vectors(device, &vectors);
    if (weights.overflow || vectors.overflow)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "the model's weights do not fit this machine's addresses");
    device->packed_bytes = weights.used;
    device->vector_bytes = vectors.used;
    device->packed = mem_alloc_aligned(weights.used, 1);
    device->vectors = mem_alloc_aligned(vectors.used, 1);
    if (device->packed == NULL || device->vectors == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu bytes of packed weights",
                         weights.used + vectors.used);
    weights = (carver){.base = device->packed};
    vectors = (carver){.base = device->vectors};
    place_matrices(device, &weights);
    place_vectors(device, &vectors);
    return AKI_OK;
}

/* Room for conversion: rows: [PACK_ROWS][the most inputs], biases: [PACK_ROWS]. */
typedef struct pack_room {
    float *rows, *biases;
} pack_room;

/* The outputs of `linear`, scaled, become those from first_output on of the matrix. */
static void pack_linear(const cpu_device *device, const model_linear *linear, float scale,
                        const cpu_matrix *matrix, size_t first_output, const pack_room *room)
{
    const size_t inputs = matrix->inputs;
    for (size_t row = 0; row < linear->weight.rows; row += PACK_ROWS) {
        size_t count = linear->weight.rows - row < PACK_ROWS ? linear->weight.rows - row : PACK_ROWS;
        tensor_read_f32(&linear->weight, row * inputs, count * inputs, room->rows);
        tensor_read_f32(&linear->bias, row, count, room->biases);
        if (scale != 1.0f) {
            for (size_t i = 0; i < count * inputs; i++)
                room->rows[i] *= scale;
            for (size_t i = 0; i < count; i++)
                room->biases[i] *= scale;
        }
        (matrix->int8 ? device->int8->pack : device->linear->pack)(
            matrix->packed, matrix->outputs, inputs, first_output + row, count, room->rows, room->biases);
    }
}

static void read_norm(const model_norm *norm, cpu_norm *out, size_t hidden)
{
    tensor_read_f32(&norm->gamma, 0, hidden, out->gamma);
    tensor_read_f32(&norm->beta, 0, hidden, out->beta);
}

static void read_vectors(cpu_device *device, const model_weights *weights, float *row)
{
    const size_t hidden = device->config.hidden_size;
    read_norm(&weights->embedding_norm, &device->embedding_norm, hidden);
    for (size_t l = 0; l < device->config.layers; l++) {
        read_norm(&weights->layers[l].attention_norm, &device->layers[l].attention_norm, hidden);
        read_norm(&weights->layers[l].output_norm, &device->layers[l].output_norm, hidden);
    }
    float *positions = device->positions;
    tensor_read_f32(&weights->position_embeddings, 0, device->config.max_positions * hidden, positions);
    tensor_read_f32(&weights->type_embeddings, 0, hidden, row);
    for (size_t p = 0; p < device->config.max_positions; p++)
        for (size_t i = 0; i < hidden; i++)
            positions[p * hidden + i] += row[i];
}

static void read_layers(cpu_device *device, const model_weights *weights, const pack_room *room)
{
    const size_t hidden = device->config.hidden_size;
    const float query_scale = (float)(M_LOG2E / sqrt((double)device->config.head_size));
    for (size_t l = 0; l < device->config.layers; l++) {
        const model_layer *from = &weights->layers[l];
        const cpu_layer *to = &device->layers[l];
        pack_linear(device, &from->query, query_scale, &to->qkv, 0, room);
        pack_linear(device, &from->key, 1.0f, &to->qkv, hidden, room);
        pack_linear(device, &from->value, 1.0f, &to->qkv, 2 * hidden, room);
        pack_linear(device, &from->attention_output, 1.0f, &to->attention_output, 0, room);
        pack_linear(device, &from->intermediate, 1.0f, &to->intermediate, 0, room);
        pack_linear(device, &from->output, 1.0f, &to->output, 0, room);
    }
}

static void shape_layers(cpu_device *device)
{
    const size_t hidden = device->config.hidden_size, intermediate = device->config.intermediate_size;
    const bool int8 = device->int8 != NULL;
    for (size_t l = 0; l < device->config.layers; l++) {
        cpu_layer *layer = &device->layers[l];
        layer->qkv = (cpu_matrix){.outputs = 3 * hidden, .inputs = hidden, .int8 = int8};
        layer->attention_output = (cpu_matrix){.outputs = hidden, .inputs = hidden, .int8 = int8};
        layer->intermediate = (cpu_matrix){.outputs = intermediate, .inputs = hidden, .int8 = int8};
        layer->output = (cpu_matrix){.outputs = hidden, .inputs = intermediate, .int8 = int8};
    }
}

aki_status cpu_pack(cpu_device *device, const model_weights *weights, aki_error *error)
{
    const size_t hidden = device->config.hidden_size, intermediate = device->config.intermediate_size;
    const size_t widest = hidden > intermediate ? hidden : intermediate;
    device->layers = mem_zalloc(device->config.layers, sizeof *device->layers);
    if (device->layers == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu layers", device->config.layers);
    shape_layers(device);
    aki_status status = allocate(device, error);
    if (status != AKI_OK)
        return status;
    pack_room room = {mem_alloc_aligned(widest, PACK_ROWS * sizeof(float)),
                      mem_alloc_aligned(PACK_ROWS, sizeof(float))};
    if (room.rows != NULL && room.biases != NULL) {
        memset(device->packed, 0, device->packed_bytes);
        read_vectors(device, weights, room.rows);
        read_layers(device, weights, &room);
    } else {
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to pack weights of %zu columns", widest);
    }
    mem_free(room.rows);
    mem_free(room.biases);
    return status;
}
