/* A worker's buffers, all in one block that is sized at open. */
#include "engine/cpu/internal.h"

#include "base/cpus.h"
#include "base/error.h"
#include "base/mapping.h"
#include "base/memory.h"

/* In elements of `size` bytes, whole cache lines. Rows whose distance is a multiple of 2 KiB compete for the same few sets
 * of the L1 cache. */
static size_t stride_of(size_t columns, size_t size)
{
    const size_t line = KERNEL_ALIGNMENT / size;
    size_t stride = (columns + line - 1) / line * line;
    return stride % (2048 / size) == 0 ? stride + line : stride;
}

/* Adds room for rows * stride elements of `size` bytes and returns where they begin. */
static size_t reserve(size_t *total, size_t rows, size_t stride, size_t size, bool *overflow)
{
    size_t start = *total, bytes;
    if (!size_mul(rows, stride, &bytes) || !size_mul(bytes, size, &bytes) ||
        !size_add(bytes, KERNEL_ALIGNMENT - 1, &bytes) ||
        !size_add(*total, bytes / KERNEL_ALIGNMENT * KERNEL_ALIGNMENT, total))
        *overflow = true;
    return start;
}

/* Adds room for rows of int8, values first; fills in the strides. */
static size_t reserve_int8(size_t *total, size_t rows, size_t columns, int8_rows *out, bool *overflow)
{
    out->stride = stride_of(columns, 1);
    out->scale_stride = int8_chunks(columns);
    size_t start = reserve(total, rows, out->stride, 1, overflow);
    reserve(total, rows, out->scale_stride, sizeof(float), overflow);
    return start;
}

static void place_int8(int8_rows *rows, unsigned char *start, size_t count)
{
    rows->values = start;
    rows->scales = (float *)(start + count * rows->stride);
}

/* Of the largest part of a matrix that is expanded at once. */
static size_t expanded_bytes(const cpu_device *device)
{
    return device->linear->packed_bytes(device->linear->column_step, cpu_most_inputs(&device->config));
}

aki_status cpu_state_open(cpu_state **out, const cpu_device *device, size_t max_tokens, aki_error *error)
{
    *out = NULL;
    const model_config *config = &device->config;
    const size_t longest = config->max_positions < max_tokens ? config->max_positions : max_tokens;
    const size_t size = cpu_number_size(device);
    cpu_state *state = mem_zalloc(1, sizeof *state);
    if (state == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a worker's state");
    state->max_tokens = max_tokens;
    const kernel_int8 *int8 = device->int8;
    const size_t row_block = int8 != NULL ? int8->row_block : device->linear->row_block;
    state->row_block = row_block < max_tokens ? row_block : max_tokens;
    state->hidden_stride = stride_of(config->hidden_size, sizeof(float));
    state->qkv_stride = stride_of(cpu_qkv_size(config), size);
    const size_t queries = model_query_size(config);
    const size_t widest_row = config->hidden_size > queries ? config->hidden_size : queries;
    state->context_stride = stride_of(widest_row, size);
    state->intermediate_stride = stride_of(config->intermediate_size, size);

    /* A static model has the result alone. */
    const bool has_layers = config->layers > 0;
    const size_t rows = has_layers ? max_tokens : 0, block = has_layers ? state->row_block : 0;
    bool overflow = false;
    size_t bytes = 0;
    size_t hidden = reserve(&bytes, rows, state->hidden_stride, sizeof(float), &overflow);
    const bool pre_norm = config->graph.pre_norm;
    size_t normed = reserve(&bytes, pre_norm ? rows : 0, state->hidden_stride, sizeof(float), &overflow);
    size_t qkv = reserve(&bytes, rows, state->qkv_stride, size, &overflow);
    size_t context = reserve(&bytes, rows, state->context_stride, size, &overflow);
    size_t narrowed =
        reserve(&bytes, device->linear->narrow != NULL ? rows : 0, state->context_stride, size, &overflow);
    const size_t experts = device->experts_of_token, slots = experts > 0 ? block * experts : block;
    size_t intermediate = reserve(&bytes, slots, state->intermediate_stride, size, &overflow);
    size_t quantised =
        reserve_int8(&bytes, int8 != NULL ? rows : 0, widest_row, &state->quantised, &overflow);
    size_t intermediate_int8 = reserve_int8(&bytes, int8 != NULL ? slots : 0, config->intermediate_size,
                                            &state->intermediate_int8, &overflow);
    size_t projected = reserve(&bytes, block, state->hidden_stride, sizeof(float), &overflow);
    size_t gated =
        reserve(&bytes, config->graph.gated ? block : 0, CPU_GATED_STRIDE, sizeof(float), &overflow);
    const size_t mixed = experts > 0 ? slots : 0;
    size_t choices = reserve(&bytes, mixed, 1, sizeof *state->choices, &overflow);
    size_t slot_rows = reserve(&bytes, mixed, 1, sizeof *state->slot_rows, &overflow);
    size_t expert_slots =
        reserve(&bytes, config->graph.experts + 1, 1, sizeof *state->expert_slots, &overflow);
    size_t gathered = reserve(&bytes, mixed, state->context_stride, size, &overflow);
    size_t gathered_int8 =
        reserve_int8(&bytes, int8 != NULL ? mixed : 0, config->hidden_size, &state->gathered_int8, &overflow);
    size_t expert_output = reserve(&bytes, mixed, state->hidden_stride, sizeof(float), &overflow);
    size_t output = reserve(&bytes, max_tokens, config->hidden_size, sizeof(float), &overflow);
    size_t scratch_bytes =
        has_layers ? device->linear->attention_scratch_bytes(longest, config->head_size) : KERNEL_ALIGNMENT;
    size_t scratch = reserve(&bytes, scratch_bytes, 1, 1, &overflow);
    size_t int8_scratch_bytes = int8 != NULL ? int8->scratch_bytes(state->row_block) : KERNEL_ALIGNMENT;
    size_t int8_scratch = reserve(&bytes, int8_scratch_bytes, 1, 1, &overflow);
    /* Twice, for products ask ahead for what stands behind their weights: nobody else's memory. */
    size_t expanded = reserve(&bytes, device->int4 ? 2 : 0, expanded_bytes(device), 1, &overflow);
    if (max_tokens == 0 || scratch_bytes == 0 || int8_scratch_bytes == 0 || overflow) {
        cpu_state_close(state);
        return error_set(error, AKI_INVALID_ARGUMENT, "a pass of %zu tokens is not possible", max_tokens);
    }
    state->bytes = bytes;
    state->block = mem_alloc_aligned(bytes, 1);
    state->team = team_open(cpus_available() > 1);
    if (state->block == NULL || state->team == NULL) {
        cpu_state_close(state);
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a pass of %zu tokens", max_tokens);
    }
    state->hidden = (float *)(state->block + hidden);
    state->normed = pre_norm ? (float *)(state->block + normed) : state->hidden;
    state->qkv = state->block + qkv;
    state->context = state->block + context;
    state->narrowed = state->block + narrowed;
    state->intermediate = state->block + intermediate;
    state->projected = (float *)(state->block + projected);
    state->gated = (float *)(state->block + gated);
    state->choices = (cpu_choice *)(state->block + choices);
    state->slot_rows = (size_t *)(state->block + slot_rows);
    state->expert_slots = (size_t *)(state->block + expert_slots);
    state->gathered = state->block + gathered;
    state->expert_output = (float *)(state->block + expert_output);
    state->output = (float *)(state->block + output);
    state->scratch = state->block + scratch;
    state->int8_scratch = state->block + int8_scratch;
    state->expanded = state->block + expanded;
    place_int8(&state->quantised, state->block + quantised, max_tokens);
    place_int8(&state->intermediate_int8, state->block + intermediate_int8, slots);
    place_int8(&state->gathered_int8, state->block + gathered_int8, mixed);
    *out = state;
    return AKI_OK;
}

void cpu_state_close(cpu_state *state)
{
    if (state == NULL)
        return;
    mem_free(state->block);
    team_close(state->team);
    mem_free(state);
}

size_t cpu_state_bytes(const cpu_state *state)
{
    return sizeof *state + state->bytes;
}

void cpu_state_settle(cpu_state *state, size_t tokens)
{
    if (tokens > CPU_STATE_KEPT_TOKENS)
        mem_discard(state->block, state->bytes);
}
