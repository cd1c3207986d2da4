/* A worker's state and its passes: token ids are gathered, go through the CPU's forward pass, and become what was asked for. */
#include "engine/encoder_parts.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/prefix_pass.h"

struct encoder_state {
    cpu_state *device_state;
    int32_t *ids;      /* [encoder_longest_pass]: the pass's token ids, end to end */
    uint32_t *offsets; /* [encoder_longest_pass + 1]: a sequence has at least one token */
    uint32_t *second;  /* [encoder_longest_pass]: the pass's device_batch.second, where it has one */
    bool has_second;
    prefix_pass prefixes;
    encoder_steps *steps; /* where passes are measured; NULL = nowhere */
    float *scratch;       /* of the head chain */
    size_t bytes;         /* of all that */
};

aki_status encoder_state_open(encoder_state **out, const encoder *enc, aki_error *error)
{
    *out = NULL;
    encoder_state *state = mem_zalloc(1, sizeof *state);
    if (state == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for a worker's state");
    const size_t tokens = encoder_longest_pass(enc);
    aki_status status = cpu_state_open(&state->device_state, enc->cpu, tokens, error);
    if (status == AKI_OK) {
        state->ids = mem_alloc(tokens, sizeof *state->ids);
        state->offsets = mem_alloc(tokens + 1, sizeof *state->offsets);
        state->second = mem_alloc(tokens, sizeof *state->second);
        state->scratch = mem_alloc_aligned(head_chain_scratch(enc->heads), sizeof *state->scratch);
        if (state->ids == NULL || state->offsets == NULL || state->second == NULL || state->scratch == NULL)
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for passes of %zu tokens", tokens);
        else
            state->bytes = sizeof *state + cpu_state_bytes(state->device_state) +
                           prefix_pass_open(&state->prefixes, enc->prefixes, enc->heads, tokens) +
                           tokens * sizeof *state->ids + (tokens + 1) * sizeof *state->offsets +
                           head_chain_scratch(enc->heads) * sizeof *state->scratch;
    }
    if (status != AKI_OK) {
        encoder_state_close(state);
        return status;
    }
    *out = state;
    return AKI_OK;
}

void encoder_state_close(encoder_state *state)
{
    if (state == NULL)
        return;
    cpu_state_close(state->device_state);
    prefix_pass_close(&state->prefixes);
    mem_free(state->ids);
    mem_free(state->offsets);
    mem_free(state->second);
    mem_free(state->scratch);
    mem_free(state);
}

size_t encoder_state_bytes(const encoder_state *state)
{
    return state->bytes;
}

/* The batch that gather has put into the state. */
static device_batch batch_of(const encoder_state *state, size_t count)
{
    return (device_batch){.token_ids = state->ids,
                          .offsets = state->offsets,
                          .texts = count,
                          .second = state->has_second ? state->second : NULL};
}

/* Copies the token ids of the sequences one after another into the batch, which lives in the state. A worker that
 * helped with the pass before may still be inside; it reads nothing of this (cpu_team_run). */
static aki_status gather(const encoder *enc, encoder_state *state, const encoder_sequence *sequences,
                         size_t count, device_batch *batch, aki_error *error)
{
    size_t total = 0;
    const bool has_types = model_configuration(enc->files)->token_types > 1;
    state->has_second = false;
    for (size_t i = 0; i < count; i++) {
        if (sequences[i].count == 0 || sequences[i].count > encoder_max_tokens(enc) ||
            sequences[i].count > encoder_longest_pass(enc) - total)
            return error_set(error, AKI_INTERNAL, "a pass was planned with more tokens than its %zu",
                             encoder_longest_pass(enc));
        const bool typed = has_types && sequences[i].second > 0;
        const size_t taken = prefix_pass_take(&state->prefixes, &sequences[i]);
        state->offsets[i] = (uint32_t)total;
        state->second[i] = (uint32_t)(typed ? sequences[i].second : sequences[i].count);
        state->has_second |= typed;
        for (size_t t = taken; t < sequences[i].count; t++)
            state->ids[total++] = sequences[i].ids[t];
    }
    state->offsets[count] = (uint32_t)total;
    prefix_pass_share(&state->prefixes, state->device_state);
    *batch = batch_of(state, count);
    return AKI_OK;
}

void encoder_state_measure(encoder_state *state, encoder_steps *steps)
{
    state->steps = steps;
}

/* hidden: the pass's result. */
static aki_status finish_all(const encoder *enc, encoder_state *state, encoder_sequence *sequences,
                             size_t count, const float *hidden, aki_error *error)
{
    encoder_steps *steps = state->steps;
    if (steps != NULL)
        steps->forward_ns = clock_monotonic_ns();
    prefix_pass_end(&state->prefixes, enc->cpu);
    if (sequences[0].output == ENCODER_PREFIX)
        return AKI_OK;
    head_chain_run(enc->heads, state->scratch, sequences, count, hidden, state->offsets);
    cpu_state_settle(state->device_state, state->offsets[count]);
    if (steps != NULL)
        steps->pooled_ns = clock_monotonic_ns();
    head_chain_conclude(enc->heads, sequences, count);
    if (steps != NULL)
        steps->normalized_ns = clock_monotonic_ns();
    if (model_damaged(enc->files))
        return error_set(error, AKI_MODEL_CHANGED,
                         "the model's weight file was cut while the server was using it");
    return AKI_OK;
}

bool encoder_plan_prefix(encoder_state *state, const encoder_sequence *sequences, size_t count,
                         encoder_sequence *prefix)
{
    return prefix_pass_plan(&state->prefixes, sequences, count, prefix);
}

static aki_status run_pass(const encoder *enc, encoder_state *state, encoder_sequence *sequences,
                           size_t count, aki_error *error)
{
    device_batch batch;
    aki_status status = gather(enc, state, sequences, count, &batch, error);
    if (status != AKI_OK)
        return status;
    const float *hidden = cpu_forward(enc->cpu, state->device_state, &batch);
    return finish_all(enc, state, sequences, count, hidden, error);
}

aki_status encoder_run(const encoder *enc, encoder_state *state, encoder_sequence *sequences, size_t count,
                       aki_error *error)
{
    encoder_sequence prefix;
    const bool shared = encoder_plan_prefix(state, sequences, count, &prefix);
    aki_status status = shared ? run_pass(enc, state, &prefix, 1, error) : AKI_OK;
    return status == AKI_OK && count > 0 ? run_pass(enc, state, sequences, count, error) : status;
}

aki_status encoder_team_begin(const encoder *enc, encoder_state *state, const encoder_sequence *sequences,
                              size_t count, unsigned workers, aki_error *error)
{
    device_batch batch;
    aki_status status = gather(enc, state, sequences, count, &batch, error);
    if (status == AKI_OK)
        cpu_team_begin(state->device_state, &batch, workers);
    return status;
}

aki_status encoder_team_run(const encoder *enc, encoder_state *state, encoder_sequence *sequences,
                            size_t count, aki_error *error)
{
    const device_batch batch = batch_of(state, count);
    const float *hidden = cpu_team_run(enc->cpu, state->device_state, &batch);
    return finish_all(enc, state, sequences, count, hidden, error);
}

void encoder_team_help(const encoder *enc, const encoder_state *own, const encoder_state *leader,
                       const atomic_uint *called_away)
{
    cpu_team_help(enc->cpu, own->device_state, leader->device_state, called_away);
}

size_t encoder_plan_tokens(const encoder_sequence *sequences, size_t count, size_t budget_tokens)
{
    size_t fit = 0, total = 0;
    while (fit < count && sequences[fit].count <= budget_tokens - total)
        total += sequences[fit++].count;
    return fit > 0 || count == 0 ? fit : 1;
}

size_t encoder_plan_pass(const encoder *enc, const encoder_sequence *sequences, size_t count)
{
    return encoder_plan_tokens(sequences, count, enc->settings.max_pass_tokens);
}
