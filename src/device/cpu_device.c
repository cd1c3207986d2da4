/* Opening a device: packs the weights, once, in the layout of the tier's kernels. */
#include "device/cpu_internal.h"

#include <math.h>
#include <stdio.h>
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

static void *carve_weights(carver *c, const kernel_precision *linear, size_t outputs, size_t inputs)
{
    size_t bytes = linear->packed_bytes(outputs, inputs);
    c->overflow |= bytes == 0;
    return carve(c, bytes, 1);
}

/* The layout of cpu_device.packed; run once to count, once to place. */
static void place_weights(cpu_device *device, carver *c)
{
    const size_t hidden = device->config.hidden_size, intermediate = device->config.intermediate_size;
    for (size_t l = 0; l < device->config.layers; l++) {
        cpu_layer *layer = &device->layers[l];
        layer->qkv = carve_weights(c, device->linear, 3 * hidden, hidden);
        layer->attention_output = carve_weights(c, device->linear, hidden, hidden);
        layer->intermediate = carve_weights(c, device->linear, intermediate, hidden);
        layer->output = carve_weights(c, device->linear, hidden, intermediate);
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

/* rows: [PACK_ROWS][linear's inputs], biases: [PACK_ROWS], room for conversion. */
static void pack_linear(const cpu_device *device, const model_linear *linear, float scale, void *packed,
                        size_t outputs, size_t first_output, float *rows, float *biases)
{
    const size_t inputs = linear->weight.columns;
    for (size_t row = 0; row < linear->weight.rows; row += PACK_ROWS) {
        size_t count = linear->weight.rows - row < PACK_ROWS ? linear->weight.rows - row : PACK_ROWS;
        tensor_read_f32(&linear->weight, row * inputs, count * inputs, rows);
        tensor_read_f32(&linear->bias, row, count, biases);
        if (scale != 1.0f) {
            for (size_t i = 0; i < count * inputs; i++)
                rows[i] *= scale;
            for (size_t i = 0; i < count; i++)
                biases[i] *= scale;
        }
        device->linear->pack(packed, outputs, inputs, first_output + row, count, rows, biases);
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

static void read_layers(cpu_device *device, const model_weights *weights, float *rows, float *biases)
{
    const size_t hidden = device->config.hidden_size, intermediate = device->config.intermediate_size;
    const float query_scale = (float)(M_LOG2E / sqrt((double)device->config.head_size));
    for (size_t l = 0; l < device->config.layers; l++) {
        const model_layer *from = &weights->layers[l];
        const cpu_layer *to = &device->layers[l];
        pack_linear(device, &from->query, query_scale, to->qkv, 3 * hidden, 0, rows, biases);
        pack_linear(device, &from->key, 1.0f, to->qkv, 3 * hidden, hidden, rows, biases);
        pack_linear(device, &from->value, 1.0f, to->qkv, 3 * hidden, 2 * hidden, rows, biases);
        pack_linear(device, &from->attention_output, 1.0f, to->attention_output, hidden, 0, rows, biases);
        pack_linear(device, &from->intermediate, 1.0f, to->intermediate, intermediate, 0, rows, biases);
        pack_linear(device, &from->output, 1.0f, to->output, hidden, 0, rows, biases);
    }
}

/* "avx2 (fp32), reference (fp32, bf16)" */
static void list_tiers(char *list, size_t size)
{
    size_t used = 0;
    for (const kernel_table *const *tier = kernels_available(); *tier != NULL && used < size; tier++)
        used += (size_t)snprintf(list + used, size - used, "%s%s (%s)", used > 0 ? ", " : "", (*tier)->name,
                                 (*tier)->bf16 != NULL ? "fp32, bf16" : "fp32");
}

/* The tier of that name. Without a name the best one, and for bf16 the best one whose instructions make it fast: plain C
 * has it too, for comparison, but computes so only when it is named. */
static const kernel_table *find_tier(const char *name, aki_precision precision)
{
    if (name != NULL || precision != AKI_PRECISION_BF16)
        return kernels_find(name);
    const kernel_table *const *tier = kernels_available();
    while (*tier != NULL && !(*tier)->bf16_is_faster)
        tier++;
    return *tier;
}

static aki_status select_kernels(cpu_device *device, aki_precision precision, const char *name,
                                 aki_error *error)
{
    char list[256];
    list_tiers(list, sizeof list);
    if (precision != AKI_PRECISION_AUTO && precision != AKI_PRECISION_FP32 && precision != AKI_PRECISION_BF16)
        return error_set(error, AKI_INVALID_ARGUMENT, "precision number %d is not known", (int)precision);
    const kernel_table *kernels = find_tier(name, precision);
    if (kernels == NULL && name == NULL)
        return error_set(error, AKI_CPU_UNSUPPORTED,
                         "this CPU has no instructions for precision bf16; available: %s", list);
    if (kernels == NULL)
        return error_set(error, AKI_CPU_UNSUPPORTED, "CPU tier \"%s\" is not available here; available: %s",
                         name, list);
    if (precision == AKI_PRECISION_BF16 && kernels->bf16 == NULL)
        return error_set(error, AKI_CPU_UNSUPPORTED, "CPU tier %s has no precision bf16; available: %s", name,
                         list);
    /* bf16 takes the numbers of a head in pairs. */
    const bool pairs = device->config.head_size % 2 == 0;
    if (precision == AKI_PRECISION_BF16 && !pairs)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "precision bf16 needs heads of even size, this model's have %zu; use fp32",
                         device->config.head_size);
    const bool bf16 = precision == AKI_PRECISION_BF16 ||
                      (precision == AKI_PRECISION_AUTO && kernels->bf16_is_faster && pairs);
    device->kernels = kernels;
    device->precision = bf16 ? AKI_PRECISION_BF16 : AKI_PRECISION_FP32;
    device->linear = bf16 ? kernels->bf16 : kernels->fp32;
    return AKI_OK;
}

static kernel_activation activation_of(model_activation activation)
{
    switch (activation) {
    case MODEL_GELU_TANH:
        return KERNEL_GELU_TANH;
    case MODEL_RELU:
        return KERNEL_RELU;
    case MODEL_GELU_ERF:
        break;
    }
    return KERNEL_GELU_ERF;
}

/* Counts, allocates and places everything; fills nothing. */
static aki_status allocate(cpu_device *device, aki_error *error)
{
    carver weights = {0}, vectors = {0};
    device->layers = mem_zalloc(device->config.layers, sizeof *device->layers);
    if (device->layers == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu layers", device->config.layers);
    place_weights(device, &weights);
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
    place_weights(device, &weights);
    place_vectors(device, &vectors);
    return AKI_OK;
}

aki_status cpu_device_open_weights(cpu_device **out, const model_config *config, const model_weights *weights,
                                   aki_precision precision, const char *tier, const log_sink *log,
                                   aki_error *error)
{
    float *rows = NULL, *biases = NULL;
    *out = NULL;
    cpu_device *device = mem_zalloc(1, sizeof *device);
    if (device == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a device");
    device->config = *config;
    device->word_embeddings = weights->word_embeddings;
    device->activation = activation_of(config->activation);
    aki_status status = select_kernels(device, precision, tier, error);
    if (status == AKI_OK)
        status = allocate(device, error);
    if (status != AKI_OK)
        goto done;

    size_t widest =
        config->hidden_size > config->intermediate_size ? config->hidden_size : config->intermediate_size;
    rows = mem_alloc_aligned(widest, PACK_ROWS * sizeof(float));
    biases = mem_alloc_aligned(PACK_ROWS, sizeof(float));
    if (rows == NULL || biases == NULL) {
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to pack weights of %zu columns", widest);
        goto done;
    }
    memset(device->packed, 0, device->packed_bytes);
    read_vectors(device, weights, rows);
    read_layers(device, weights, rows, biases);
    log_write(log, AKI_LOG_DEBUG, "device", "packed %zu bytes of weights for the %s kernels in %s",
              device->packed_bytes, device->kernels->name,
              device->precision == AKI_PRECISION_BF16 ? "bf16" : "fp32");
    *out = device;
    device = NULL;
done:
    mem_free(rows);
    mem_free(biases);
    cpu_device_close(device);
    return status;
}

aki_status cpu_device_open(cpu_device **out, const model *m, aki_precision precision, const char *tier,
                           const log_sink *log, aki_error *error)
{
    aki_status status = cpu_device_open_weights(out, model_configuration(m), model_weights_of(m), precision,
                                                tier, log, error);
    if (status == AKI_OK && model_damaged(m)) {
        cpu_device_close(*out);
        *out = NULL;
        return error_set(error, AKI_MODEL_CHANGED, "the weight file was cut while it was being read");
    }
    return status;
}

void cpu_device_close(cpu_device *device)
{
    if (device == NULL)
        return;
    mem_free(device->layers);
    mem_free(device->packed);
    mem_free(device->vectors);
    mem_free(device);
}

const char *cpu_device_tier(const cpu_device *device)
{
    return device->kernels->name;
}

aki_precision cpu_device_precision(const cpu_device *device)
{
    return device->precision;
}

size_t cpu_device_packed_bytes(const cpu_device *device)
{
    return device->packed_bytes + device->vector_bytes;
}
