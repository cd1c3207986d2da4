/* A stand-in for src/encoder in tests of what is above it: a token per byte, vectors that tell what was computed, a gate
 * that holds passes until the test opens it, and a log of the passes. The test program defines the symbols that the
 * library would bring otherwise. Texts that begin with '!' come out as not finite. */
#ifndef FAKE_ENCODER_H
#define FAKE_ENCODER_H

#include "base/clock.h"
#include "base/error.h"
#include "engine/device_lane.h"
#include "engine/prefix_cache.h"
#include "engine/encoder.h"

#include <pthread.h>

#define FAKE_DIMENSION 4
#define FAKE_MAX_TOKENS 50
#define FAKE_PASS_TOKENS 100
#define FAKE_PASSES 4096

struct encoder {
    device *beyond; /* passes go to it first; NULL = none. Belongs to the test */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool gate_closed;
    unsigned entered; /* passes that came to the gate so far */
    bool help_gate_closed;
    unsigned helpers; /* that came to the gate of help so far */
    aki_status outcome;
    size_t cpu_texts;  /* of a pass of the CPU, at most; 0 = any number */
    bool fills_passes; /* as the device beyond wants it */
    float bend;        /* added to the first value of each vector */
    size_t passes, measured;
    size_t pass_tokens[FAKE_PASSES];
    char pass_texts[FAKE_PASSES][128]; /* first byte of each text */
};

struct encoder_state {
    encoder_steps *steps;
};

static inline void fake_init(encoder *enc)
{
    memset(enc, 0, sizeof *enc);
    pthread_mutex_init(&enc->lock, NULL);
    pthread_cond_init(&enc->changed, NULL);
}

static inline void fake_close_gate(encoder *enc)
{
    pthread_mutex_lock(&enc->lock);
    enc->gate_closed = true;
    pthread_mutex_unlock(&enc->lock);
}

/* For workers that help: they do not come back while it is closed. */
static inline void fake_set_help_gate(encoder *enc, bool closed)
{
    pthread_mutex_lock(&enc->lock);
    enc->help_gate_closed = closed;
    pthread_cond_broadcast(&enc->changed);
    pthread_mutex_unlock(&enc->lock);
}

static inline void fake_open_gate(encoder *enc)
{
    pthread_mutex_lock(&enc->lock);
    enc->gate_closed = false;
    pthread_cond_broadcast(&enc->changed);
    pthread_mutex_unlock(&enc->lock);
}

static inline void fake_wait_helpers(encoder *enc, unsigned helpers)
{
    pthread_mutex_lock(&enc->lock);
    while (enc->helpers < helpers)
        pthread_cond_wait(&enc->changed, &enc->lock);
    pthread_mutex_unlock(&enc->lock);
}

static inline void fake_wait_entered(encoder *enc, unsigned passes)
{
    pthread_mutex_lock(&enc->lock);
    while (enc->entered < passes)
        pthread_cond_wait(&enc->changed, &enc->lock);
    pthread_mutex_unlock(&enc->lock);
}

/* A model of one Pooling by the first token, and nothing behind it. */
static inline const head_chain *fake_heads(void)
{
    static const model_heads list = {.steps = {{.kind = MODEL_HEAD_POOLING,
                                                .inputs = FAKE_DIMENSION,
                                                .outputs = FAKE_DIMENSION,
                                                .poolings = {AKI_POOLING_CLS},
                                                .poolings_count = 1}},
                                     .count = 1,
                                     .dimension = FAKE_DIMENSION};
    static head_chain *chain;
    aki_error error;
    if (chain == NULL && head_chain_open(&chain, &list, kernels_find("reference"), &error) != AKI_OK)
        abort();
    return chain;
}

aki_status encoder_read_options(const encoder *enc, const aki_embed_options *options, aki_text *prompt,
                                aki_error *error)
{
    (void)enc;
    (void)error;
    *prompt = options->prompt;
    return AKI_OK;
}

bool encoder_has_prompt(const encoder *enc, const char *name)
{
    (void)enc;
    (void)name;
    return false;
}

bool encoder_prompt(const encoder *enc, size_t index, const char **name, aki_text *text)
{
    (void)enc;
    (void)index;
    (void)name;
    (void)text;
    return false;
}

size_t encoder_numbers(const encoder *enc, encoder_output output, size_t tokens)
{
    (void)enc;
    return output == ENCODER_TOKENS ? tokens * FAKE_DIMENSION : FAKE_DIMENSION;
}

size_t encoder_sparse_read(const encoder *enc, const float *numbers, int32_t *ids, float *weights)
{
    (void)enc, (void)numbers, (void)ids, (void)weights;
    return 0;
}

size_t encoder_dimension(const encoder *enc)
{
    (void)enc;
    return FAKE_DIMENSION;
}

size_t encoder_tokens_left_out(const encoder *enc)
{
    (void)enc;
    return 0;
}

aki_task encoder_task(const encoder *enc)
{
    (void)enc;
    return AKI_TASK_EMBED;
}

void encoder_describe(const encoder *enc, aki_model_info *info)
{
    (void)enc;
    *info = (aki_model_info){.cpu_tier = "none", .precision = AKI_PRECISION_FP32, .vocabulary_size = 256};
}

size_t encoder_max_tokens(const encoder *enc)
{
    (void)enc;
    return FAKE_MAX_TOKENS;
}

size_t encoder_max_pass_tokens(const encoder *enc)
{
    (void)enc;
    return FAKE_PASS_TOKENS;
}

bool encoder_fills_passes(const encoder *enc)
{
    return enc->fills_passes;
}

size_t encoder_plan_pass(const encoder *enc, const encoder_sequence *sequences, size_t count)
{
    (void)sequences;
    return enc->cpu_texts != 0 && enc->cpu_texts < count ? enc->cpu_texts : count;
}

aki_status encoder_tokenize(const encoder *enc, tokenizer_scratch *scratch, aki_text text, bool refuse_long,
                            token_span *out, aki_error *error)
{
    (void)enc;
    (void)scratch;
    static _Thread_local int32_t ids[FAKE_MAX_TOKENS];
    if (text.length > FAKE_MAX_TOKENS && refuse_long)
        return error_set(error, AKI_TEXT_TOO_LONG, "too long");
    out->truncated = text.length > FAKE_MAX_TOKENS;
    out->count = out->truncated ? FAKE_MAX_TOKENS : text.length;
    for (size_t i = 0; i < out->count; i++)
        ids[i] = text.data[i];
    out->ids = ids;
    return AKI_OK;
}

aki_status encoder_state_open(encoder_state **out, const encoder *enc, aki_error *error)
{
    (void)enc;
    (void)error;
    *out = calloc(1, sizeof **out);
    return AKI_OK;
}

void encoder_state_close(encoder_state *state)
{
    free(state);
}

size_t encoder_state_bytes(const encoder_state *state)
{
    return sizeof *state;
}

/* The test's own, which outlives what uses it. */
void encoder_close(encoder *enc)
{
    (void)enc;
}

void encoder_state_measure(encoder_state *state, encoder_steps *steps)
{
    state->steps = steps;
}

aki_status encoder_run(const encoder *enc_const, encoder_state *state, encoder_sequence *sequences,
                       size_t count, aki_error *error)
{
    encoder *enc = (encoder *)enc_const;
    pthread_mutex_lock(&enc->lock);
    enc->entered++;
    pthread_cond_broadcast(&enc->changed);
    while (enc->gate_closed)
        pthread_cond_wait(&enc->changed, &enc->lock);
    size_t tokens = 0;
    for (size_t i = 0; i < count; i++) {
        float sum = 0;
        for (size_t t = 0; t < sequences[i].count; t++)
            sum += (float)sequences[i].ids[t];
        for (size_t d = 0; d < FAKE_DIMENSION; d++)
            sequences[i].vector[d] = sum + (float)d;
        sequences[i].vector[0] += enc->bend;
        sequences[i].status = sequences[i].ids[0] == '!' ? AKI_NOT_FINITE : AKI_OK;
        tokens += sequences[i].count;
        if (i < 127 && enc->passes < FAKE_PASSES)
            enc->pass_texts[enc->passes][i] = (char)sequences[i].ids[0];
    }
    if (enc->passes < FAKE_PASSES)
        enc->pass_tokens[enc->passes++] = tokens;
    aki_status outcome = enc->outcome;
    enc->measured += state->steps != NULL;
    pthread_mutex_unlock(&enc->lock);
    if (state->steps != NULL)
        *state->steps = (encoder_steps){clock_monotonic_ns(), clock_monotonic_ns(), clock_monotonic_ns()};
    return outcome == AKI_OK ? AKI_OK : error_set(error, outcome, "the fake encoder fails as told");
}

bool encoder_lane_settings(const encoder *enc, device_lane_settings *settings)
{
    *settings =
        (device_lane_settings){.device = enc->beyond, .heads = fake_heads(), .max_tokens = FAKE_PASS_TOKENS};
    return enc->beyond != NULL;
}

const char *encoder_not_finite_cause(const encoder *enc)
{
    (void)enc;
    return "the fake encoder was told to";
}

bool encoder_plan_prefix(encoder_state *state, const encoder_sequence *sequences, size_t count,
                         encoder_sequence *prefix)
{
    (void)state;
    (void)sequences;
    (void)count;
    (void)prefix;
    return false;
}

void encoder_prefix_stats(const encoder *enc, prefix_cache_stats *stats)
{
    (void)enc;
    *stats = (prefix_cache_stats){0};
}

aki_status encoder_team_begin(const encoder *enc, encoder_state *state, const encoder_sequence *sequences,
                              size_t count, unsigned workers, aki_error *error)
{
    (void)enc;
    (void)state;
    (void)sequences;
    (void)count;
    (void)workers;
    (void)error;
    return AKI_OK;
}

aki_status encoder_team_run(const encoder *enc, encoder_state *state, encoder_sequence *sequences,
                            size_t count, aki_error *error)
{
    return encoder_run(enc, state, sequences, count, error);
}

void encoder_team_help(const encoder *enc_const, const encoder_state *own, const encoder_state *leader,
                       const atomic_uint *called_away)
{
    encoder *enc = (encoder *)enc_const;
    (void)own;
    (void)leader;
    (void)called_away;
    pthread_mutex_lock(&enc->lock);
    enc->helpers++;
    pthread_cond_broadcast(&enc->changed);
    while (enc->help_gate_closed)
        pthread_cond_wait(&enc->changed, &enc->lock);
    pthread_mutex_unlock(&enc->lock);
}

#endif
