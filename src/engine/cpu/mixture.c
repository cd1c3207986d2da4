/* Mixtures of experts: the feed-forward net of a layer is several, of which each token goes through a few.
 *
 * The rows of a block are sorted by the experts that they go through, so that a product of an expert has them side by side. An
 * expert's product of a row does not depend on the other rows, and a token's outputs are added up in the order of the experts, so that
 * its vector is bit-identical in any batch and team. Choices are made in f64 from the router's f32, in every precision and tier.
 *
 * Phases and their chunks do not depend on the choices: a mate may read these too late (see cpu_walk). */
#include "engine/cpu/walk.h"

#include <math.h>
#include <string.h>

/* Outputs of an expert's matrix that are a chunk of its product: a multiple of every tier's column step. */
#define EXPERT_STEP 128

/* Chunks: rows of the block. Chooses the experts of each, in f64 from the router's f32. */
static void route_rows(void *cookie, size_t first, size_t count)
{
    const cpu_walk *w = cookie;
    const cpu_device *device = w->device;
    const size_t experts = device->config.graph.experts, each = device->experts_of_token;
    for (size_t row = first; row < first + count; row++) {
        const float *x = w->state->normed + (w->first_row + row) * w->state->hidden_stride;
        double logits[MODEL_MAX_EXPERTS] = {0}, greatest = 0.0, sum = 0.0;
        float weights[MODEL_MAX_EXPERTS];
        bool taken[MODEL_MAX_EXPERTS] = {false};
        for (size_t i = 0; i < device->config.hidden_size; i++)
            for (size_t e = 0; e < experts; e++)
                logits[e] += (double)x[i] * (double)w->layer->router[i * experts + e];
        for (size_t e = 0; e < experts; e++)
            greatest = e == 0 || logits[e] > greatest ? logits[e] : greatest;
        for (size_t e = 0; e < experts; e++)
            sum += exp(logits[e] - greatest);
        for (size_t n = 0; n < each; n++) {
            size_t best = experts; /* the first of those that are left, where logits are NaN */
            for (size_t e = 0; e < experts; e++)
                if (!taken[e] && (best == experts || logits[e] > logits[best]))
                    best = e;
            taken[best] = true;
            weights[best] =
                n < device->config.graph.chosen ? (float)(exp(logits[best] - greatest) / sum) : 0.0f;
        }
        cpu_choice *choice = w->state->choices + row * each;
        for (size_t e = 0; e < experts; e++)
            if (taken[e])
                *choice++ = (cpu_choice){.expert = e, .weight = weights[e]};
    }
}

/* One chunk: gives each choice its slot. */
static void assign_slots(void *cookie, size_t first, size_t count)
{
    (void)first, (void)count;
    const cpu_walk *w = cookie;
    const size_t each = w->device->experts_of_token, experts = w->device->config.graph.experts;
    size_t *begin = w->state->expert_slots, next[MODEL_MAX_EXPERTS];
    memset(begin, 0, (experts + 1) * sizeof *begin);
    for (size_t c = 0; c < w->block_rows * each; c++)
        begin[w->state->choices[c].expert + 1]++;
    for (size_t e = 0; e < experts; e++) {
        next[e] = begin[e];
        begin[e + 1] += begin[e];
    }
    for (size_t c = 0; c < w->block_rows * each; c++) {
        cpu_choice *choice = &w->state->choices[c];
        choice->slot = next[choice->expert]++;
        w->state->slot_rows[choice->slot] = c / each;
    }
}

static size_t expert_of(const cpu_walk *w, size_t slot)
{
    size_t expert = 0;
    while (w->state->expert_slots[expert + 1] <= slot)
        expert++;
    return expert;
}

/* Chunks: slots. */
static void gather_rows(void *cookie, size_t first, size_t count)
{
    cpu_walk *w = cookie;
    const cpu_state *state = w->state;
    for (size_t slot = first; slot < first + count; slot++) {
        w->preparation = (cpu_preparation){
            .matrix = w->layer->matrices[CPU_INTERMEDIATE] + expert_of(w, slot),
            .number = KERNEL_F32,
            .rows = state->normed + (w->first_row + state->slot_rows[slot]) * state->hidden_stride,
            .stride = state->hidden_stride,
            .int8 = cpu_int8_from(state->gathered_int8, slot),
            .numbers = cpu_row_of(w, state->gathered, slot, state->context_stride),
        };
        if (cpu_takes(w, w->preparation.matrix, KERNEL_F32))
            memcpy(w->preparation.numbers, w->preparation.rows,
                   w->device->config.hidden_size * sizeof(float));
        else
            cpu_prepare_rows(w, 0, 1);
    }
}

/* Chunks: slots. The inside of the experts, where their second matrix is int8. */
static void prepare_slots(void *cookie, size_t first, size_t count)
{
    cpu_walk *w = cookie;
    const cpu_state *state = w->state;
    for (size_t slot = first; slot < first + count; slot++) {
        w->preparation = (cpu_preparation){
            .matrix = w->layer->matrices[CPU_OUTPUT] + expert_of(w, slot),
            .number = w->device->linear->number,
            .rows = cpu_row_of(w, state->intermediate, slot, state->intermediate_stride),
            .stride = state->intermediate_stride,
            .int8 = cpu_int8_from(state->intermediate_int8, slot),
        };
        if (w->preparation.matrix->int8)
            cpu_prepare_rows(w, 0, 1);
    }
}

/* Outputs column .. column + columns - 1 of an expert's matrix, for its slots. */
static void multiply_expert(cpu_walk *w, cpu_place place, size_t expert, size_t column, size_t columns)
{
    const cpu_state *state = w->state;
    const cpu_matrix *matrix = w->layer->matrices[place] + expert;
    const kernel_number number = w->device->linear->number;
    const size_t slot = state->expert_slots[expert], rows = state->expert_slots[expert + 1] - slot;
    const float *normed = state->normed + w->first_row * state->hidden_stride;
    void *inside = cpu_row_of(w, state->intermediate, slot, state->intermediate_stride);
    if (rows == 0)
        return;
    w->product = (cpu_product){.matrix = matrix, .rows = rows};
    if (place == CPU_INTERMEDIATE) {
        if (w->observer != NULL) /* every expert takes all rows */
            w->observer->before(w->observer->cookie, normed, KERNEL_F32, state->hidden_stride);
        w->product.input =
            (cpu_operand){.numbers = cpu_row_of(w, state->gathered, slot, state->context_stride),
                          .stride = state->context_stride,
                          .int8 = cpu_int8_from(state->gathered_int8, slot)};
        cpu_multiply_part(w, column, columns, INT8_TO_NUMBERS, w->device->activation,
                          (unsigned char *)inside + column * cpu_number_size(w->device),
                          state->intermediate_stride);
    } else {
        if (w->observer != NULL)
            w->observer->before(w->observer->cookie, inside, number, state->intermediate_stride);
        w->product.input = (cpu_operand){.numbers = inside,
                                         .stride = state->intermediate_stride,
                                         .int8 = cpu_int8_from(state->intermediate_int8, slot)};
        cpu_multiply_part(w, column, columns, INT8_TO_F32, KERNEL_IDENTITY,
                          state->expert_output + slot * state->hidden_stride + column, state->hidden_stride);
    }
}

/* Of each expert's matrix of that place. */
static size_t expert_steps(const cpu_walk *w, cpu_place place)
{
    return (w->layer->matrices[place]->outputs + EXPERT_STEP - 1) / EXPERT_STEP;
}

/* Chunks: steps of EXPERT_STEP outputs of one expert after the other. */
static void multiply_experts(cpu_walk *w, cpu_place place, size_t first, size_t count)
{
    const size_t steps = expert_steps(w, place), outputs = w->layer->matrices[place]->outputs;
    for (size_t step = first, next; step < first + count; step = next) {
        const size_t expert = step / steps, column = step % steps * EXPERT_STEP;
        next = (expert + 1) * steps < first + count ? (expert + 1) * steps : first + count;
        const size_t columns = (next - step) * EXPERT_STEP;
        multiply_expert(w, place, expert, column, columns < outputs - column ? columns : outputs - column);
    }
}

static void multiply_into_experts(void *cookie, size_t first, size_t count)
{
    multiply_experts(cookie, CPU_INTERMEDIATE, first, count);
}

static void multiply_out_of_experts(void *cookie, size_t first, size_t count)
{
    multiply_experts(cookie, CPU_OUTPUT, first, count);
}

/* Chunks: rows of the block. Adds up in the order of the experts, whatever else is in the block. */
static void combine_rows(void *cookie, size_t first, size_t count)
{
    const cpu_walk *w = cookie;
    const cpu_state *state = w->state;
    const size_t hidden = w->device->config.hidden_size, each = w->device->experts_of_token;
    for (size_t row = first; row < first + count; row++) {
        float *to = state->projected + row * state->hidden_stride;
        memcpy(to, w->layer->experts_bias, hidden * sizeof *to);
        for (const cpu_choice *c = state->choices + row * each; c < state->choices + (row + 1) * each; c++) {
            const float *from = state->expert_output + c->slot * state->hidden_stride;
            for (size_t i = 0; i < hidden; i++)
                to[i] += c->weight * from[i];
        }
    }
}

bool cpu_mix_experts(cpu_walk *w, size_t first, size_t rows)
{
    const size_t experts = w->device->config.graph.experts, slots = rows * w->device->experts_of_token;
    w->first_row = first;
    w->block_rows = rows;
    return team_phase(&w->member, rows, route_rows, w) && team_phase(&w->member, 1, assign_slots, w) &&
           team_phase(&w->member, slots, gather_rows, w) &&
           team_phase(&w->member, experts * expert_steps(w, CPU_INTERMEDIATE), multiply_into_experts, w) &&
           (w->device->int8 == NULL || team_phase(&w->member, slots, prepare_slots, w)) &&
           team_phase(&w->member, experts * expert_steps(w, CPU_OUTPUT), multiply_out_of_experts, w) &&
           team_phase(&w->member, rows, combine_rows, w);
}
