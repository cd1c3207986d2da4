/* Packing: the weights of a model, read once and laid out as the tier's kernels want them. All matrices stand in one block in
 * the order in which a pass reads them, each in the precision that was chosen for it; norms and positions in another. */
#include "engine/cpu/internal.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "engine/cpu/carve.h"
#include "engine/cpu/weights_cache.h"
#include "kernels/int4.h"

static void carve_matrix(const cpu_device *device, carver *c, cpu_matrix *matrix)
{
    const size_t outputs = matrix->outputs, inputs = matrix->inputs;
    size_t bytes = matrix->int8   ? device->int8->packed_bytes(outputs, inputs)
                   : matrix->int4 ? int4_packed_bytes(device->linear->column_step, outputs, inputs)
                                  : device->linear->packed_bytes(outputs, inputs);
    c->overflow |= bytes == 0;
    matrix->packed = carve(c, bytes, 1);
}

#define LINEAR(field) offsetof(model_layer, field)

const cpu_plan cpu_plans[CPU_PLACES] = {
    [CPU_QKV] = {.name = "query, key and value",
                 .parts = {LINEAR(query), LINEAR(key), LINEAR(value)},
                 .count = 3,
                 .follows_norm = true},
    [CPU_ATTENTION_OUTPUT] = {.name = "attention output", .parts = {LINEAR(attention_output)}, .count = 1},
    [CPU_INTERMEDIATE] = {.name = "feed-forward in",
                          .parts = {LINEAR(intermediate)},
                          .count = 1,
                          .follows_norm = true,
                          .activates = true},
    [CPU_OUTPUT] = {.name = "feed-forward out", .parts = {LINEAR(output)}, .count = 1},
};

static const size_t norms[CPU_NORMS] = {
    [CPU_ATTENTION_NORM] = offsetof(model_layer, attention_norm),
    [CPU_OUTPUT_NORM] = offsetof(model_layer, output_norm),
    [CPU_BEFORE_ATTENTION] = offsetof(model_layer, before_attention),
    [CPU_BEFORE_FEED_FORWARD] = offsetof(model_layer, before_feed_forward),
};

static const model_norm *norm_of(const model_layer *layer, cpu_norm_place place)
{
    return (const model_norm *)((const char *)layer + norms[place]);
}

/* The layout of cpu_device.packed; run once to count, once to place. */
static void place_matrices(cpu_device *device, const model_weights *weights, carver *c)
{
    (void)weights;
    for (size_t m = 0; m < device->matrix_count; m++)
        carve_matrix(device, c, &device->matrices[m]);
}

static void place_norm(const model_norm *from, cpu_norm *norm, size_t count, carver *c)
{
    if (from->gamma.data == NULL)
        return;
    norm->gamma = carve(c, count, sizeof(float));
    norm->beta = carve(c, count, sizeof(float));
}

/* Numbers of the weight of a norm of queries or keys. */
static size_t head_norm_size(const model_config *config)
{
    return config->graph.joint_head_norms ? config->hidden_size : config->head_size;
}

static void place_rotary(cpu_device *device, carver *c)
{
    const model_rotary *kinds = device->config.graph.rotary;
    for (size_t k = 0; k < MODEL_REACHES; k++) {
        const bool known = k > 0 && kinds[k].theta == kinds[0].theta && kinds[k].divisor == kinds[0].divisor;
        if (kinds[k].theta > 0.0f)
            device->rotary[k] =
                known ? device->rotary[0]
                      : carve(c, device->config.max_positions, device->config.head_size * sizeof(float));
    }
}

static void place_vectors(cpu_device *device, const model_weights *weights, carver *c)
{
    const size_t hidden = device->config.hidden_size, size = head_norm_size(&device->config);
    place_norm(&weights->embedding_norm, &device->embedding_norm, hidden, c);
    place_norm(&weights->final_norm, &device->final_norm, hidden, c);
    for (size_t l = 0; l < device->config.layers; l++) {
        const model_layer *layer = &weights->layers[l];
        for (size_t n = 0; n < CPU_NORMS; n++)
            place_norm(norm_of(layer, n), &device->layers[l].norms[n], hidden, c);
        place_norm(&layer->query_norm, &device->layers[l].query_norm, size, c);
        place_norm(&layer->key_norm, &device->layers[l].key_norm, size, c);
        if (layer->router.data != NULL) {
            device->layers[l].router = carve(c, hidden * device->config.graph.experts, sizeof(float));
            device->layers[l].experts_bias = carve(c, hidden, sizeof(float));
        }
    }
    for (size_t m = 0; m < device->matrix_count && device->int8 != NULL; m++)
        if (cpu_plans[device->matrices[m].place].follows_norm)
            device->matrices[m].factors = carve(c, device->matrices[m].inputs, sizeof(float));
    device->positions = carve(c, device->position_rows * hidden, sizeof(float));
    device->zeros = carve(c, hidden, sizeof(float));
    if (device->config.token_types > 1)
        device->type_step = carve(c, hidden, sizeof(float));
    place_rotary(device, c);
    if (device->config.graph.relative_bias || device->config.graph.alibi)
        device->relative = carve(c, device->config.heads * device->relative_stride, sizeof(float));
}

typedef void placer(cpu_device *device, const model_weights *weights, carver *c);

/* Counts; place with base NULL. */
static aki_status count(cpu_device *device, const model_weights *weights, placer *place, carver *c,
                        aki_error *error)
{
    *c = (carver){0};
    place(device, weights, c);
    return c->overflow ? error_set(error, AKI_MODEL_UNSUPPORTED,
                                   "the model's weights do not fit this machine's addresses")
                       : AKI_OK;
}

/* Counts, allocates and places; fills nothing. */
static aki_status allocate(cpu_device *device, const model_weights *weights, placer *place, void **block,
                           size_t *bytes, aki_error *error)
{
    carver c;
    aki_status status = count(device, weights, place, &c, error);
    if (status != AKI_OK)
        return status;
    *block = mem_alloc_aligned(c.used, 1);
    if (*block == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu bytes of packed weights", c.used);
    *bytes = c.used;
    c = (carver){.base = *block};
    place(device, weights, &c);
    return AKI_OK;
}

/* rows: [count][inputs]; count is at most PACK_ROWS. */
static void read_transposed(const cpu_part *part, size_t first, size_t count, float *rows)
{
    float outputs[PACK_ROWS];
    for (size_t i = 0; i < part->inputs; i++) {
        tensor_read_f32(&part->weight, i * part->outputs + first, count, outputs);
        for (size_t r = 0; r < count; r++)
            rows[r * part->inputs + i] = outputs[r];
    }
}

/* Outputs first .. first + count - 1 of a part as they are packed, into room->rows and room->biases. */
static void read_rows(const cpu_part *part, size_t first, size_t count, const pack_room *room)
{
    const size_t inputs = part->inputs;
    if (part->transposed)
        read_transposed(part, first, count, room->rows);
    else
        tensor_read_f32(&part->weight, first * inputs, count * inputs, room->rows);
    if (part->bias.data != NULL)
        tensor_read_f32(&part->bias, first, count, room->biases);
    else
        memset(room->biases, 0, count * sizeof *room->biases);
    if (part->scale == 1.0f)
        return;
    for (size_t i = 0; i < count * inputs; i++)
        room->rows[i] *= part->scale;
    for (size_t i = 0; i < count; i++)
        room->biases[i] *= part->scale;
}

/* Outputs first .. end - 1 of a part become outputs of the matrix from `output` on. */
static void pack_run(const cpu_device *device, const cpu_matrix *matrix, const cpu_part *part, size_t first,
                     size_t end, size_t output, const pack_room *room)
{
    const size_t inputs = matrix->inputs;
    for (size_t row = first; row < end; row += PACK_ROWS) {
        const size_t count = end - row < PACK_ROWS ? end - row : PACK_ROWS;
        read_rows(part, row, count, room);
        for (size_t r = 0; matrix->int8 && matrix->factors != NULL && r < count; r++)
            for (size_t i = 0; i < inputs; i++)
                room->rows[r * inputs + i] /= matrix->factors[i];
        if (matrix->int4)
            int4_pack(device->linear->column_step, matrix->packed, inputs, output, count, room->rows,
                      room->biases);
        else
            (matrix->int8 ? device->int8->pack : device->linear->pack)(
                matrix->packed, matrix->outputs, inputs, output, count, room->rows, room->biases);
        output += count;
    }
}

void cpu_pack_matrix(const cpu_device *device, const cpu_matrix *matrix, const cpu_parts *parts,
                     const pack_room *room)
{
    const size_t turn = parts->turn > 0 ? parts->turn : matrix->outputs;
    size_t output = 0;
    for (size_t first = 0; output < matrix->outputs; first += turn)
        for (size_t p = 0; p < parts->count; p++) {
            const size_t rows = parts->list[p].outputs;
            const size_t end = rows - first < turn ? rows : first + turn;
            pack_run(device, matrix, &parts->list[p], first, end, output, room);
            output += end - first;
        }
}

void cpu_column_magnitudes(const cpu_parts *parts, float *greatest, const pack_room *room)
{
    const size_t inputs = parts->list[0].inputs;
    for (size_t i = 0; i < inputs; i++)
        greatest[i] = 0.0f;
    for (size_t p = 0; p < parts->count; p++) {
        const size_t rows = parts->list[p].outputs;
        for (size_t row = 0; row < rows; row += PACK_ROWS) {
            const size_t count = rows - row < PACK_ROWS ? rows - row : PACK_ROWS;
            read_rows(&parts->list[p], row, count, room);
            for (size_t r = 0; r < count; r++)
                for (size_t i = 0; i < inputs; i++)
                    greatest[i] = greatest[i] > fabsf(room->rows[r * inputs + i])
                                      ? greatest[i]
                                      : fabsf(room->rows[r * inputs + i]);
        }
    }
}

/* Factor of the queries: attention takes scores in base 2. A norm of the queries would undo it and has it itself. */
static float score_scale(const model_config *config)
{
    const double divisor = config->graph.score_divisor;
    return (float)(M_LOG2E / (divisor > 0.0 ? divisor : sqrt((double)config->head_size)));
}

static cpu_part part_of(const model_linear *linear, float scale)
{
    return (cpu_part){.weight = linear->weight,
                      .bias = linear->bias,
                      .outputs = linear->weight.rows,
                      .inputs = linear->weight.columns,
                      .scale = scale};
}

/* A matrix of an expert, whose inner numbers are rows of both tensors. */
static cpu_part part_of_expert(const model_layer *layer, const cpu_matrix *matrix, size_t inner)
{
    const bool inwards = matrix->place == CPU_INTERMEDIATE;
    model_tensor weight = inwards ? layer->experts_in : layer->experts_out;
    const size_t width = weight.dtype == MODEL_F32 ? sizeof(float) : sizeof(uint16_t);
    weight.data += matrix->expert * inner * weight.columns * width;
    weight.rows = inner;
    return (cpu_part){.weight = weight,
                      .outputs = inwards ? inner : weight.columns,
                      .inputs = inwards ? weight.columns : inner,
                      .transposed = !inwards,
                      .scale = 1.0f};
}

cpu_parts cpu_matrix_parts(const cpu_device *device, const model_weights *weights, const cpu_matrix *matrix)
{
    const model_config *config = &device->config;
    const model_layer *layer = &weights->layers[matrix->layer];
    const cpu_plan *plan = &cpu_plans[matrix->place];
    if (matrix->place >= CPU_INTERMEDIATE && layer->router.data != NULL)
        return (cpu_parts){.list = {part_of_expert(layer, matrix, config->intermediate_size)}, .count = 1};
    if (matrix->place == CPU_INTERMEDIATE && config->graph.gated)
        return (cpu_parts){.list = {part_of(&layer->gate, 1.0f), part_of(&layer->intermediate, 1.0f)},
                           .count = 2,
                           .turn = CPU_GATE_STEP};
    cpu_parts parts = {.count = plan->count};
    for (size_t i = 0; i < plan->count; i++) {
        const model_linear *linear = (const model_linear *)((const char *)layer + plan->parts[i]);
        const bool scaled = linear == &layer->query && layer->query_norm.gamma.data == NULL;
        parts.list[i] = part_of(linear, scaled ? score_scale(config) : 1.0f);
    }
    return parts;
}

/* `count` numbers of gamma and beta times `scale`. */
static void read_norm(const cpu_device *device, const model_norm *norm, size_t count, float scale,
                      cpu_norm *out)
{
    const float more = device->config.graph.norm == MODEL_RMS_NORM_FROM_ONE ? 1.0f : 0.0f;
    if (out->gamma == NULL)
        return;
    tensor_read_f32(&norm->gamma, 0, count, out->gamma);
    if (norm->beta.data != NULL)
        tensor_read_f32(&norm->beta, 0, count, out->beta);
    else
        memset(out->beta, 0, count * sizeof *out->beta);
    for (size_t i = 0; i < count && (more != 0.0f || scale != 1.0f); i++) {
        out->gamma[i] = (out->gamma[i] + more) * scale;
        out->beta[i] *= scale;
    }
}

/* By distance, so that a kernel adds a run of it to a row of scores. bias: without data for ALiBi. */
static void read_relative(cpu_device *device, const model_tensor *bias)
{
    const size_t heads = device->config.heads;
    const ptrdiff_t reach = (ptrdiff_t)device->config.max_positions - 1;
    for (ptrdiff_t distance = -reach; distance <= reach; distance++)
        for (size_t h = 0; h < heads; h++) {
            float value = 0.0f;
            if (bias->data != NULL)
                tensor_read_f32(bias, model_relative_bucket(distance) * heads + h, 1, &value);
            const double away = device->config.graph.alibi ? fabs((double)distance) : 0.0;
            device->relative[h * device->relative_stride + (size_t)(distance + reach)] =
                (float)(M_LOG2E * ((double)value - model_alibi_slope(h, heads) * away));
        }
}

/* Frequencies and angles are rounded to f32, as in the reference: at thousands of tokens that moves an angle by more than f32
 * resolves of its sine. */
static void fill_rotary(const cpu_device *device, const model_rotary *kind, float *table)
{
    const size_t size = device->config.head_size, half = size / 2;
    for (size_t i = 0; i < half; i++) {
        const float exponent = (float)(2 * i) / (float)size;
        float frequency = 1.0f / (float)pow((double)kind->theta, (double)exponent);
        if (kind->divisor > 0.0f)
            frequency /= kind->divisor;
        for (size_t p = 0; p < device->config.max_positions; p++) {
            const double angle = (double)((float)p * frequency);
            table[p * size + i] = (float)cos(angle);
            table[p * size + half + i] = (float)sin(angle);
        }
    }
}

/* room: [hidden] */
static void read_router(const cpu_device *device, const model_layer *from, cpu_layer *layer, float *room)
{
    const size_t hidden = device->config.hidden_size, experts = device->config.graph.experts;
    if (layer->router == NULL)
        return;
    tensor_read_f32(&from->experts_bias, 0, hidden, layer->experts_bias);
    for (size_t e = 0; e < experts; e++) {
        tensor_read_f32(&from->router, e * hidden, hidden, room);
        for (size_t i = 0; i < hidden; i++)
            layer->router[i * experts + e] = room[i];
    }
}

static void read_vectors(cpu_device *device, const model_weights *weights, float *row)
{
    const size_t hidden = device->config.hidden_size;
    const size_t size = head_norm_size(&device->config);
    read_norm(device, &weights->embedding_norm, hidden, 1.0f, &device->embedding_norm);
    read_norm(device, &weights->final_norm, hidden, 1.0f, &device->final_norm);
    for (size_t l = 0; l < device->config.layers; l++) {
        const model_layer *from = &weights->layers[l];
        cpu_layer *layer = &device->layers[l];
        for (size_t n = 0; n < CPU_NORMS; n++)
            read_norm(device, norm_of(from, n), hidden, 1.0f, &layer->norms[n]);
        read_norm(device, &from->query_norm, size, score_scale(&device->config), &layer->query_norm);
        read_norm(device, &from->key_norm, size, 1.0f, &layer->key_norm);
        read_router(device, from, layer, row);
    }
    const size_t rows = device->position_rows;
    float *positions = device->positions;
    memset(device->zeros, 0, hidden * sizeof *device->zeros);
    if (weights->position_embeddings.data != NULL)
        tensor_read_f32(&weights->position_embeddings, 0, rows * hidden, positions);
    else
        memset(positions, 0, rows * hidden * sizeof *positions);
    if (device->config.token_types > 0) {
        tensor_read_f32(&weights->type_embeddings, 0, hidden, row);
        for (size_t p = 0; p < rows; p++)
            for (size_t i = 0; i < hidden; i++)
                positions[p * hidden + i] += row[i];
    }
    if (device->type_step != NULL) {
        tensor_read_f32(&weights->type_embeddings, hidden, hidden, device->type_step);
        for (size_t i = 0; i < hidden; i++)
            device->type_step[i] -= row[i];
    }
    if (device->relative != NULL)
        read_relative(device, &weights->relative_bias);
    for (size_t k = 0; k < MODEL_REACHES; k++)
        if (device->rotary[k] != NULL && (k == 0 || device->rotary[k] != device->rotary[0]))
            fill_rotary(device, &device->config.graph.rotary[k], device->rotary[k]);
}

static void read_matrices(cpu_device *device, const model_weights *weights, const pack_room *room)
{
    for (size_t m = 0; m < device->matrix_count; m++) {
        const cpu_parts parts = cpu_matrix_parts(device, weights, &device->matrices[m]);
        cpu_pack_matrix(device, &device->matrices[m], &parts, room);
    }
}

static size_t experts_of_layer(const model_config *config, size_t layer)
{
    return model_layer_is_mixture(&config->graph, layer) ? config->graph.experts : 1;
}

static cpu_matrix shape_matrix(const cpu_device *device, const model_weights *weights, size_t layer,
                               cpu_place place, size_t expert)
{
    cpu_matrix matrix = {
        .layer = layer, .expert = expert, .place = place, .int8 = device->int8 != NULL, .int4 = device->int4};
    const cpu_parts parts = cpu_matrix_parts(device, weights, &matrix);
    matrix.inputs = parts.list[0].inputs;
    for (size_t i = 0; i < parts.count; i++)
        matrix.outputs += parts.list[i].outputs;
    return matrix;
}

/* Lists the matrices of all layers. */
static aki_status shape_layers(cpu_device *device, const model_weights *weights, aki_error *error)
{
    const model_config *config = &device->config;
    device->experts_of_token = config->graph.chosen;
    device->layers = mem_zalloc(config->layers, sizeof *device->layers);
    for (size_t l = 0; l < config->layers; l++)
        device->matrix_count += CPU_INTERMEDIATE + 2 * experts_of_layer(config, l);
    device->matrices = mem_zalloc(device->matrix_count, sizeof *device->matrices);
    if (device->layers == NULL || device->matrices == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu layers", config->layers);
    cpu_matrix *matrix = device->matrices;
    for (size_t l = 0; l < config->layers; l++)
        for (cpu_place place = 0; place < CPU_PLACES; place++) {
            const size_t experts = place >= CPU_INTERMEDIATE ? experts_of_layer(config, l) : 1;
            device->layers[l].matrices[place] = matrix;
            for (size_t e = 0; e < experts; e++)
                *matrix++ = shape_matrix(device, weights, l, place, e);
        }
    return AKI_OK;
}

aki_status cpu_place_packed(cpu_device *device, aki_error *error)
{
    return allocate(device, NULL, place_matrices, &device->packed, &device->packed_bytes, error);
}

/* Chooses what int8 is for, and packs the matrices. */
static aki_status compute_packed(cpu_device *device, const model_weights *weights, const pack_room *room,
                                 const log_sink *log, aki_error *error)
{
    aki_status status = AKI_OK;
    if (device->int8 != NULL)
        status = cpu_calibrate(device, weights, room, log, error);
    if (status == AKI_OK)
        status = cpu_place_packed(device, error);
    if (status == AKI_OK) {
        memset(device->packed, 0, device->packed_bytes);
        read_matrices(device, weights, room);
    }
    return status;
}

aki_status cpu_pack(cpu_device *device, const model_weights *weights, const char *weights_cache,
                    const log_sink *log, aki_error *error)
{
    const size_t widest = cpu_most_inputs(&device->config);
    device->position_rows =
        weights->position_embeddings.data != NULL ? model_position_rows(&device->config) : 1;
    aki_status status = shape_layers(device, weights, error);
    if (status != AKI_OK)
        return status;
    device->relative_stride = 2 * device->config.max_positions + KERNEL_BIAS_ROOM;
    carver counted; /* before anything of these sizes is asked for */
    status = count(device, weights, place_matrices, &counted, error);
    if (status == AKI_OK)
        status = allocate(device, weights, place_vectors, &device->vectors, &device->vector_bytes, error);
    if (status != AKI_OK)
        return status;
    pack_room room = {mem_alloc_aligned(widest, PACK_ROWS * sizeof(float)),
                      mem_alloc_aligned(PACK_ROWS, sizeof(float))};
    if (room.rows == NULL || room.biases == NULL)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to pack weights of %zu columns", widest);
    if (status == AKI_OK)
        read_vectors(device, weights, room.rows);
    weights_cache_entry entry;
    const bool caching = status == AKI_OK && weights_cache != NULL && (device->int8 != NULL || device->int4);
    if (caching)
        weights_cache_find(&entry, weights_cache, device, weights);
    if (status == AKI_OK && !(caching && weights_cache_load(&entry, device, log))) {
        status = compute_packed(device, weights, &room, log, error);
        if (status == AKI_OK && caching)
            weights_cache_store(&entry, device, weights, log);
    }
    if (caching)
        weights_cache_close(&entry);
    mem_free(room.rows);
    mem_free(room.biases);
    return status;
}
