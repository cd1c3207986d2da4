/* The forward pass of all families, which follows the graph: embeddings, then per layer attention and feed-forward net, each
 * followed by residual addition and norm, or with the norms before them. Rows go through a layer's products in blocks, so that what one product writes is in the L2 cache when the
 * next reads it. How rows fall into blocks has no influence on any result (see kernels.h).
 *
 * The pass is written as phases of chunks, see base/team.h: rows of norms, columns of products, heads of attention. A
 * worker alone does each phase in one piece; a team shares it out. Every number is computed by the same arithmetic either
 * way, so the vectors are bit-identical. */
#include "engine/cpu/walk.h"

#include <string.h>

#include "base/memory.h"
#include "kernels/bf16.h"
#include "kernels/int4.h"

void cpu_prepare_rows(const cpu_walk *w, size_t first, size_t count)
{
    const cpu_preparation *p = &w->preparation;
    const cpu_device *device = w->device;
    const size_t size = p->number == KERNEL_F32 ? sizeof(float) : sizeof(uint16_t);
    const void *rows = (const unsigned char *)p->rows + first * p->stride * size;
    if (p->matrix->int8) {
        device->int8->quantise(&(int8_quantisation){
            .rows = count,
            .columns = p->matrix->inputs,
            .number = p->number,
            .from = rows,
            .from_stride = p->stride,
            .factors = p->matrix->factors,
            .to = cpu_int8_from(p->int8, first),
        });
    } else {
        device->linear->narrow(count, p->matrix->inputs, rows, p->stride,
                               cpu_row_of(w, p->numbers, first, w->state->context_stride),
                               w->state->context_stride);
    }
}

/* Rows of the residual stream from `first` on as `matrix` takes them. */
static cpu_preparation of_hidden(const cpu_walk *w, const cpu_matrix *matrix, size_t first)
{
    const cpu_state *state = w->state;
    return (cpu_preparation){
        .matrix = matrix,
        .number = KERNEL_F32,
        .rows = state->normed + first * state->hidden_stride,
        .stride = state->hidden_stride,
        .int8 = cpu_int8_from(state->quantised, first),
        .numbers = cpu_row_of(w, state->narrowed, first, state->context_stride),
    };
}

/* What comes of a preparation, or the rows as they are where they need none. */
static cpu_operand prepared(const cpu_walk *w, const cpu_preparation *p)
{
    if (p->matrix->int8)
        return (cpu_operand){.int8 = p->int8};
    if (cpu_takes(w, p->matrix, p->number))
        return (cpu_operand){.numbers = p->rows, .stride = p->stride};
    return (cpu_operand){.numbers = p->numbers, .stride = w->state->context_stride};
}

/* Chunks: rows of w->preparation. */
static void prepare_chunk(void *cookie, size_t first, size_t count)
{
    cpu_prepare_rows(cookie, first, count);
}

/* A phase of its own, where there is anything to do. */
static bool prepare(cpu_walk *w, const cpu_preparation *p, size_t rows)
{
    w->preparation = *p;
    return cpu_takes(w, p->matrix, p->number) || team_phase(&w->member, rows, prepare_chunk, w);
}

/* `norm` of rows of f32, [rows][hidden], hidden_stride apart. */
static kernel_norm norm_of(const cpu_walk *w, const cpu_norm *norm, const float *input, float *output,
                           size_t rows)
{
    const cpu_device *device = w->device;
    return (kernel_norm){
        .rows = rows,
        .columns = device->config.hidden_size,
        .input = input,
        .input_stride = w->state->hidden_stride,
        .residual = device->zeros,
        .gamma = norm->gamma,
        .beta = norm->beta,
        .epsilon = device->config.layer_norm_epsilon,
        .output = output,
        .output_stride = w->state->hidden_stride,
        .rms = device->config.graph.norm != MODEL_LAYER_NORM,
    };
}

/* Makes a token of type 0 one of type 1. row: [hidden] */
static void add_type(const cpu_walk *w, float *row)
{
    const size_t hidden = w->device->config.hidden_size;
    const float *step = w->device->type_step;
    for (size_t i = 0; i < hidden; i++)
        row[i] += step[i];
}

/* Rows of the pass that have consecutive rows of the table of positions, from `position` on; those from `second` on are of token
 * type 1. */
static void embed_run(const cpu_walk *w, size_t row, size_t rows, size_t position, size_t second)
{
    const cpu_device *device = w->device;
    const size_t hidden = device->config.hidden_size, stride = w->state->hidden_stride;
    const size_t position_stride = device->position_rows > 1 ? hidden : 0;
    const float *positions = device->positions + position * position_stride;
    const float scale = device->config.graph.embedding_scale;
    float *to = w->state->hidden + row * stride;
    for (size_t r = 0; r < rows; r++) {
        tensor_read_f32(&device->word_embeddings, (size_t)w->batch.token_ids[row + r] * hidden, hidden,
                        to + r * stride);
        for (size_t i = 0; i < hidden && scale > 0.0f; i++)
            to[r * stride + i] *= scale;
        if (row + r >= second)
            add_type(w, to + r * stride);
        for (size_t i = 0; i < hidden && device->embedding_norm.gamma == NULL; i++)
            to[r * stride + i] += positions[r * position_stride + i];
    }
    if (device->embedding_norm.gamma == NULL)
        return;
    kernel_norm norm = norm_of(w, &device->embedding_norm, to, to, rows);
    norm.residual = positions;
    norm.residual_stride = position_stride;
    device->kernels->norm(&norm);
}

/* Rows of the residual stream as the first layer takes them. */
static void enter_first_layer(const cpu_walk *w, size_t first, size_t rows)
{
    const size_t at = first * w->state->hidden_stride;
    const cpu_norm *before = &w->device->layers[0].norms[CPU_BEFORE_ATTENTION];
    if (!w->device->config.graph.pre_norm)
        return;
    if (before->gamma == NULL) {
        memcpy(w->state->normed + at, w->state->hidden + at, rows * w->state->hidden_stride * sizeof(float));
        return;
    }
    const kernel_norm norm = norm_of(w, before, w->state->hidden + at, w->state->normed + at, rows);
    w->device->kernels->norm(&norm);
}

/* Rows first .. end - 1 of the pass, of text number `text`. */
static void embed_text(const cpu_walk *w, size_t text, size_t first, size_t end)
{
    const size_t start = w->batch.offsets[text];
    const size_t second = w->batch.second != NULL ? start + w->batch.second[text] : SIZE_MAX;
    const model_graph *graph = &w->device->config.graph;
    const int32_t *ids = w->batch.token_ids;
    size_t position = model_first_position(graph) + cpu_taken_over(&w->sharing, text) + (first - start);
    if (!graph->positions_skip_padding) {
        embed_run(w, first, end - first, position, second);
        return;
    }
    for (size_t row = start; row < first; row++)
        position -= ids[row] == graph->padding_id;
    for (size_t row = first, next; row < end; row = next) {
        const bool is_padding = ids[row] == graph->padding_id;
        next = row + 1;
        while (!is_padding && next < end && ids[next] != graph->padding_id)
            next++;
        embed_run(w, row, next - row, is_padding ? (size_t)graph->padding_id : position, second);
        position += is_padding ? 0 : next - row;
    }
}

/* Chunks: rows of the pass. */
static void embed_rows(void *cookie, size_t first, size_t count)
{
    const cpu_walk *w = cookie;
    const uint32_t *offsets = w->batch.offsets;
    const size_t end = first + count;
    size_t text = 0;
    for (size_t row = first, next; row < end; row = next) {
        while (offsets[text + 1] <= row)
            text++;
        next = offsets[text + 1] < end ? offsets[text + 1] : end;
        embed_text(w, text, row, next);
    }
    enter_first_layer(w, first, count);
    if (!cpu_takes(w, w->preparation.matrix, KERNEL_F32))
        cpu_prepare_rows(w, first, count);
}

static bool embed(cpu_walk *w)
{
    w->preparation = of_hidden(w, w->device->layers[0].matrices[CPU_QKV], 0);
    return team_phase(&w->member, w->rows, embed_rows, w);
}

/* Outputs at whose multiples w->product may be cut. */
static size_t column_step(const cpu_walk *w)
{
    if (!w->product.matrix->int8)
        return w->device->linear->column_step;
    return w->product.form == INT8_TO_INT8 ? INT8_CHUNK : w->device->int8->column_step;
}

/* Bytes that the outputs before `column`, a column step, take of w->product's matrix, which is not int8. */
static size_t packed_before(const cpu_walk *w, size_t column)
{
    const kernel_precision *linear = w->device->linear;
    const size_t inputs = w->product.matrix->inputs;
    return w->product.matrix->int4
               ? column / linear->column_step * int4_panel_bytes(linear->column_step, inputs)
               : linear->packed_bytes(column, inputs);
}

/* `whole` with weights stored as int4: a panel at a time is expanded and used while it is in the cache. number: bytes of an
 * element of the output. */
static void multiply_stored(const cpu_walk *w, const kernel_product *whole, size_t number)
{
    const kernel_precision *linear = w->device->linear;
    const unsigned char *stored = whole->weights;
    for (size_t first = 0; first < whole->outputs; first += linear->column_step) {
        kernel_product part = *whole;
        part.outputs =
            whole->outputs - first < linear->column_step ? whole->outputs - first : linear->column_step;
        part.weights = w->own->expanded;
        part.output = (unsigned char *)whole->output + first * number;
        linear->expand(stored, part.outputs, part.inputs, w->own->expanded);
        linear->multiply(&part);
        stored += int4_panel_bytes(linear->column_step, part.inputs);
    }
}

void cpu_multiply_part(const cpu_walk *w, size_t column, size_t columns, int8_form form,
                       kernel_activation activation, void *output, size_t output_stride)
{
    const cpu_product *p = &w->product;
    const cpu_matrix *matrix = p->matrix;
    const unsigned char *weights = matrix->packed;
    if (matrix->int8) {
        int8_rows output_int8 = w->state->intermediate_int8;
        output_int8.values += column;
        output_int8.scales += column / INT8_CHUNK;
        w->device->int8->multiply(&(int8_product){
            .rows = p->rows,
            .inputs = matrix->inputs,
            .outputs = columns,
            .input = p->input.int8,
            .weights = column > 0 ? weights + w->device->int8->packed_bytes(column, matrix->inputs) : weights,
            .activation = activation,
            .form = form,
            .output = output,
            .output_stride = output_stride,
            .output_int8 = output_int8,
            .scratch = w->own->int8_scratch,
        });
        return;
    }
    const kernel_product part = {
        .rows = p->rows,
        .inputs = matrix->inputs,
        .outputs = columns,
        .input = p->input.numbers,
        .input_stride = p->input.stride,
        .weights = column > 0 ? weights + packed_before(w, column) : weights,
        .output = output,
        .output_stride = output_stride,
        .activation = activation,
        .narrow_output = form == INT8_TO_NUMBERS,
    };
    if (matrix->int4)
        multiply_stored(w, &part, form == INT8_TO_F32 ? sizeof(float) : cpu_number_size(w->device));
    else
        w->device->linear->multiply(&part);
}

/* Chunks: column steps of w->product. */
static void multiply_columns(void *cookie, size_t first, size_t count)
{
    const cpu_walk *w = cookie;
    const cpu_product *p = &w->product;
    const size_t step = column_step(w), column = first * step, left = p->matrix->outputs - column;
    const size_t number = p->form == INT8_TO_F32 ? sizeof(float) : cpu_number_size(w->device);
    void *output = p->form == INT8_TO_INT8 ? NULL : (unsigned char *)p->output + column * number;
    cpu_multiply_part(w, column, count * step < left ? count * step : left, p->form, p->activation, output,
                      p->output_stride);
}

/* Chunks: turns of CPU_GATE_STEP outputs of w->product, which is gated. */
static void multiply_turns(void *cookie, size_t first, size_t count)
{
    const cpu_walk *w = cookie;
    const cpu_product *p = &w->product;
    for (size_t turn = first; turn < first + count; turn++) {
        const size_t column = turn * CPU_GATE_STEP, left = p->matrix->outputs / 2 - column;
        const size_t columns = left < CPU_GATE_STEP ? left : CPU_GATE_STEP;
        cpu_multiply_part(w, 2 * column, 2 * columns, INT8_TO_F32, KERNEL_IDENTITY, w->own->gated,
                          CPU_GATED_STRIDE);
        w->device->linear->gate(&(kernel_gate){
            .rows = p->rows,
            .columns = columns,
            .gate = w->own->gated,
            .up = w->own->gated + columns,
            .stride = CPU_GATED_STRIDE,
            .activation = p->activation,
            .output = (unsigned char *)p->output + column * cpu_number_size(w->device),
            .output_stride = p->output_stride,
        });
    }
}

/* `p` of the rows that a preparation is for, or left as they are. */
static bool multiply(cpu_walk *w, const cpu_preparation *from, const cpu_product *p)
{
    w->product = *p;
    w->product.matrix = from->matrix;
    w->product.input = prepared(w, from);
    if (w->observer != NULL)
        w->observer->before(w->observer->cookie, from->rows, from->number, from->stride);
    if (p->gated)
        return team_phase(&w->member, (from->matrix->outputs / 2 + CPU_GATE_STEP - 1) / CPU_GATE_STEP,
                          multiply_turns, w);
    const size_t step = column_step(w);
    return team_phase(&w->member, (from->matrix->outputs + step - 1) / step, multiply_columns, w);
}

/* Chunks: rows of w->norm. */
static void norm_rows(void *cookie, size_t first, size_t count)
{
    const cpu_walk *w = cookie;
    kernel_norm part = w->norm;
    part.rows = count;
    part.input += first * part.input_stride;
    part.residual += first * part.residual_stride;
    part.output += first * part.output_stride;
    part.sum = part.sum != NULL ? part.sum + first * part.sum_stride : NULL;
    if (w->inner != NULL) {
        float *added = w->state->projected + first * w->state->hidden_stride;
        kernel_norm inner = norm_of(w, w->inner, added, added, count);
        if (w->device->config.graph.attention_input_twice) {
            inner.residual = part.residual;
            inner.residual_stride = part.residual_stride;
        }
        w->device->kernels->norm(&inner);
    }
    w->device->kernels->norm(&part);
    if (w->preparation.matrix != NULL && !cpu_takes(w, w->preparation.matrix, KERNEL_F32))
        cpu_prepare_rows(w, first, count);
}

/* Adds state->projected to rows of the residual stream, prepares them for the matrix that takes them next, or makes them the
 * pass's result where there is none. behind: the layer's norm that follows; before: that of what comes next, with pre-norm. */
static bool add_norm(cpu_walk *w, const cpu_norm *behind, const cpu_norm *before, size_t first, size_t rows,
                     const cpu_matrix *next)
{
    const cpu_state *state = w->state;
    const bool pre_norm = w->device->config.graph.pre_norm;
    const bool twice = w->device->config.graph.attention_input_twice && before->gamma != NULL;
    const size_t hidden = w->device->config.hidden_size, stride = state->hidden_stride;
    float *residual = state->hidden + first * stride;
    w->preparation = next != NULL ? of_hidden(w, next, first) : (cpu_preparation){.matrix = NULL};
    w->inner = (pre_norm || twice) && behind->gamma != NULL ? behind : NULL;
    w->norm = norm_of(w, pre_norm || twice ? before : behind, state->projected,
                      state->normed + first * stride, rows);
    w->norm.residual = residual;
    w->norm.residual_stride = stride;
    if (next == NULL) {
        w->norm.output = state->output + first * hidden;
        w->norm.output_stride = hidden;
    }
    if (pre_norm) {
        w->norm.sum = residual;
        w->norm.sum_stride = stride;
    }
    return team_phase(&w->member, rows, norm_rows, w);
}

/* The norm of `count` rows of queries or keys over all heads. Numbers of bf16 go through a row of the worker's own. */
static void norm_joint(const cpu_walk *w, const cpu_norm *norm, void *rows, size_t count)
{
    const cpu_device *device = w->device;
    const size_t stride = w->state->qkv_stride, columns = device->config.hidden_size;
    float *row = w->own->projected;
    if (device->linear->number == KERNEL_F32) {
        kernel_norm part = norm_of(w, norm, rows, rows, count);
        part.input_stride = part.output_stride = stride;
        device->kernels->norm(&part);
        return;
    }
    for (uint16_t *numbers = rows; count > 0; count--, numbers += stride) {
        for (size_t i = 0; i < columns; i++)
            row[i] = bf16_value(numbers[i]);
        const kernel_norm part = norm_of(w, norm, row, row, 1);
        device->kernels->norm(&part);
        device->linear->narrow(1, columns, row, columns, numbers, stride);
    }
}

/* Chunks: rows of the pass from w->first_row on. Norms and positions of w->layer's queries and keys. */
static void turn_rows(void *cookie, size_t first, size_t count)
{
    const cpu_walk *w = cookie;
    const cpu_device *device = w->device;
    const model_config *config = &device->config;
    const uint32_t *offsets = w->batch.offsets;
    const float *table = device->rotary[w->reach];
    const size_t end = w->first_row + first + count;
    const bool joint = config->graph.joint_head_norms;
    size_t text = 0;
    for (size_t row = w->first_row + first, next; row < end; row = next) {
        while (offsets[text + 1] <= row)
            text++;
        next = offsets[text + 1] < end ? offsets[text + 1] : end;
        unsigned char *queries = cpu_row_of(w, w->state->qkv, row, w->state->qkv_stride);
        kernel_rotary part = {
            .rows = next - row,
            .heads = config->heads,
            .head_size = config->head_size,
            .numbers = queries,
            .stride = w->state->qkv_stride,
            .gamma = joint ? NULL : w->layer->query_norm.gamma,
            .epsilon = config->layer_norm_epsilon,
            .table = table != NULL ? table + (cpu_taken_over(&w->sharing, text) + row - offsets[text]) *
                                                 config->head_size
                                   : NULL,
        };
        unsigned char *keys = queries + model_query_size(config) * cpu_number_size(device);
        if (joint) {
            norm_joint(w, &w->layer->query_norm, queries, next - row);
            norm_joint(w, &w->layer->key_norm, keys, next - row);
        }
        device->linear->rotary(&part);
        part.numbers = keys;
        part.heads = model_key_size(config) / config->head_size;
        part.gamma = joint ? NULL : w->layer->key_norm.gamma;
        device->linear->rotary(&part);
    }
}

static bool turn(cpu_walk *w, size_t first, size_t rows)
{
    if (w->device->rotary[w->reach] == NULL && w->layer->query_norm.gamma == NULL &&
        w->layer->key_norm.gamma == NULL)
        return true;
    w->first_row = first;
    return team_phase(&w->member, rows, turn_rows, w);
}

/* Chunks: heads of one text after the other. */
static void attend_heads(void *cookie, size_t first, size_t count)
{
    const cpu_walk *w = cookie;
    const cpu_state *state = w->state;
    const uint32_t *offsets = w->batch.offsets;
    const model_graph *graph = &w->device->config.graph;
    const size_t heads = w->device->config.heads, layer = (size_t)(w->layer - w->device->layers);
    const float *bias =
        w->device->relative != NULL ? w->device->relative + w->device->config.max_positions - 1 : NULL;
    for (size_t head = first, next; head < first + count; head = next) {
        const size_t text = head / heads, row = offsets[text];
        next = (text + 1) * heads < first + count ? (text + 1) * heads : first + count;
        kernel_attention attention = {
            .tokens = offsets[text + 1] - row,
            .heads = heads,
            .head_size = w->device->config.head_size,
            .key_value_heads = graph->key_value_heads,
            .causal = graph->causal,
            .window = w->reach == MODEL_LOCAL ? graph->window : 0,
            .first_head = head % heads,
            .head_count = next - head,
            .qkv = cpu_row_of(w, state->qkv, row, state->qkv_stride),
            .qkv_stride = state->qkv_stride,
            .output = cpu_row_of(w, state->context, row, state->context_stride),
            .output_stride = state->context_stride,
            .bias = bias,
            .bias_stride = w->device->relative_stride,
            .scratch = w->own->scratch,
        };
        if (w->sharing.reuse != NULL)
            cpu_take_over(w->device, &w->sharing.reuse[text], layer, &attention);
        w->device->linear->attention(&attention);
        cpu_keep(w->device, &w->sharing, layer, &attention);
    }
}

static bool attend(cpu_walk *w)
{
    return team_phase(&w->member, w->batch.texts * w->device->config.heads, attend_heads, w);
}

static bool project_qkv(cpu_walk *w, size_t first, size_t rows)
{
    const cpu_state *state = w->state;
    const cpu_preparation from =
        of_hidden(w, w->layer->matrices[CPU_QKV], first); /* done by the norm before */
    return multiply(w, &from,
                    &(cpu_product){
                        .rows = rows,
                        .form = INT8_TO_NUMBERS,
                        .output = cpu_row_of(w, state->qkv, first, state->qkv_stride),
                        .output_stride = state->qkv_stride,
                    }) &&
           turn(w, first, rows);
}

/* A product that goes to the residual stream, through state->projected. */
static bool project(cpu_walk *w, const cpu_preparation *from, size_t rows)
{
    return multiply(w, from,
                    &(cpu_product){
                        .rows = rows,
                        .form = INT8_TO_F32,
                        .output = w->state->projected,
                        .output_stride = w->state->hidden_stride,
                    });
}

/* From the attention's result to the residual stream. */
static bool project_context(cpu_walk *w, size_t first, size_t rows)
{
    const cpu_state *state = w->state;
    const cpu_layer *layer = w->layer;
    const cpu_preparation from = {
        .matrix = layer->matrices[CPU_ATTENTION_OUTPUT],
        .number = w->device->linear->number,
        .rows = cpu_row_of(w, state->context, first, state->context_stride),
        .stride = state->context_stride,
        .int8 = cpu_int8_from(state->quantised, first),
    };
    return prepare(w, &from, rows) && project(w, &from, rows) &&
           add_norm(w, &layer->norms[CPU_ATTENTION_NORM], &layer->norms[CPU_BEFORE_FEED_FORWARD], first, rows,
                    layer->matrices[CPU_INTERMEDIATE]);
}

/* From rows of the residual stream to state->projected. */
static bool apply_net(cpu_walk *w, size_t first, size_t rows)
{
    const cpu_state *state = w->state;
    const cpu_layer *layer = w->layer;
    const cpu_matrix *in = layer->matrices[CPU_INTERMEDIATE], *out = layer->matrices[CPU_OUTPUT];
    const cpu_preparation from = of_hidden(w, in, first); /* done by the norm before */
    const cpu_preparation middle = {
        .matrix = out,
        .number = w->device->linear->number,
        .rows = state->intermediate,
        .stride = state->intermediate_stride,
        .int8 = state->intermediate_int8,
    };
    const bool gated = w->device->config.graph.gated;
    const bool stays_int8 = in->int8 && out->int8 && !gated;
    return multiply(w, &from,
                    &(cpu_product){
                        .rows = rows,
                        .activation = w->device->activation,
                        .form = stays_int8 ? INT8_TO_INT8 : INT8_TO_NUMBERS,
                        .gated = gated,
                        .output = state->intermediate,
                        .output_stride = state->intermediate_stride,
                    }) &&
           (stays_int8 || prepare(w, &middle, rows)) && project(w, &middle, rows);
}

/* after: the next layer, NULL = none. */
static bool feed_forward(cpu_walk *w, size_t first, size_t rows, const cpu_layer *after)
{
    const cpu_layer *layer = w->layer;
    return (layer->router != NULL ? cpu_mix_experts(w, first, rows) : apply_net(w, first, rows)) &&
           add_norm(w, &layer->norms[CPU_OUTPUT_NORM],
                    after != NULL ? &after->norms[CPU_BEFORE_ATTENTION] : &w->device->final_norm, first, rows,
                    after != NULL ? after->matrices[CPU_QKV] : NULL);
}

/* Chunks: rows of the pass of a static model, which are its result. */
static void take_rows(void *cookie, size_t first, size_t count)
{
    const cpu_walk *w = cookie;
    const cpu_device *device = w->device;
    const size_t hidden = device->config.hidden_size;
    for (size_t row = first; row < first + count; row++) {
        const size_t id = (size_t)w->batch.token_ids[row];
        const size_t from = device->token_rows != NULL ? device->token_rows[id] : id;
        float *to = w->state->output + row * hidden;
        tensor_read_f32(&device->word_embeddings, from * hidden, hidden, to);
        for (size_t i = 0; device->token_weights != NULL && i < hidden; i++)
            to[i] *= device->token_weights[id];
    }
}

/* Until the pass is over, or this worker is called away from it. */
static void walk_through(cpu_walk *w)
{
    const size_t rows = w->rows, layers = w->device->config.layers;
    if (layers == 0) {
        team_phase(&w->member, rows, take_rows, w);
        return;
    }
    /* Blocks of even size: a short last one would use the kernels badly. */
    const size_t blocks = (rows + w->state->row_block - 1) / w->state->row_block;
    bool going = embed(w);
    for (size_t l = 0; l < layers && going; l++) {
        const cpu_layer *after = l + 1 < layers ? &w->device->layers[l + 1] : NULL;
        w->layer = &w->device->layers[l];
        w->reach = model_layer_reach(&w->device->config.graph, l);
        for (size_t b = 0; b < blocks && going; b++) {
            size_t first = rows * b / blocks, end = rows * (b + 1) / blocks;
            going = project_qkv(w, first, end - first);
        }
        going = going && attend(w);
        for (size_t b = 0; b < blocks && going; b++) {
            size_t first = rows * b / blocks, end = rows * (b + 1) / blocks;
            going = project_context(w, first, end - first) && feed_forward(w, first, end - first, after);
        }
    }
}

const float *cpu_forward(const cpu_device *device, cpu_state *state, const device_batch *batch)
{
    cpu_forward_observed(device, state, batch, NULL);
    return state->output;
}

void cpu_forward_observed(const cpu_device *device, cpu_state *state, const device_batch *batch,
                          const cpu_observer *observer)
{
    cpu_walk w = {.device = device,
                  .state = state,
                  .own = state,
                  .batch = *batch,
                  .rows = batch->offsets[batch->texts],
                  .sharing = state->next_sharing,
                  .observer = observer};
    walk_through(&w);
    state->next_sharing = (cpu_sharing){.reuse = NULL};
}

void cpu_team_begin(cpu_state *state, const device_batch *batch, unsigned workers)
{
    state->leader = (team_member){.team = NULL};
    /* A mate of the last pass that was preempted on its way out? Then this pass has no team. */
    if (!team_is_free(state->team))
        return;
    state->batch = *batch;
    state->rows = batch->offsets[batch->texts];
    state->sharing = state->next_sharing;
    team_lead(state->team, workers, &state->leader);
}

const float *cpu_team_run(const cpu_device *device, cpu_state *state, const device_batch *batch)
{
    cpu_walk w = {.member = state->leader,
                  .device = device,
                  .state = state,
                  .own = state,
                  .batch = *batch,
                  .rows = batch->offsets[batch->texts],
                  .sharing = state->next_sharing};
    walk_through(&w);
    team_end(&w.member);
    state->next_sharing = (cpu_sharing){.reuse = NULL};
    return state->output;
}

void cpu_team_help(const cpu_device *device, const cpu_state *own, const cpu_state *leader,
                   const atomic_uint *called_away)
{
    cpu_walk w = {.device = device, .state = leader, .own = own};
    if (!team_join(leader->team, called_away, &w.member))
        return;
    w.batch = leader->batch;
    w.rows = leader->rows;
    w.sharing = leader->sharing;
    walk_through(&w);
    team_leave(&w.member);
}
