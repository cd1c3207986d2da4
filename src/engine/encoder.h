/* From texts to vectors: model + tokenizer + device, pooling and normalisation. What the public API, the scheduler and
 * the commands build upon.
 *
 * Tokenizing and computing are separate steps, so that a scheduler may put token sequences of several requests into one
 * pass: encoder_tokenize on any thread, encoder_run on a worker's thread with the worker's own state. */
#ifndef ENGINE_ENCODER_H
#define ENGINE_ENCODER_H

#include <stdatomic.h>

#include "akidb/embed.h"
#include "base/buf.h"
#include "engine/device/device_times.h"
#include "tokenizer/tokenizer.h"

typedef struct encoder encoder;             /* const after open, shared by all threads */
typedef struct encoder_state encoder_state; /* one per worker thread */

/* Numbers that a text gets. */
typedef enum encoder_output {
    ENCODER_VECTOR, /* [dimension]: pooled, through the model's modules; a classifier's logits */
    /* [tokens][token width]: the last hidden states, special tokens included; where the model has ColBERT's head its vectors, of all tokens
     * but the first */
    ENCODER_TOKENS,
    ENCODER_SPARSE, /* of token ids, for encoder_sparse_read; only where encoder_has_sparse */
    ENCODER_PREFIX, /* none: made by encoder_plan_prefix only */
} encoder_output;

/* As aki_open, but without threads. */
AKI_MUST_CHECK aki_status encoder_open(encoder **out, const char *folder, const aki_settings *settings,
                                       aki_error *error);
/* How long the stages of opening took, on the monotonic clock: `from` 0 = not reached, `to` 0 = failed there. */
typedef enum encoder_stage {
    ENCODER_LOAD_CONFIG, /* configuration, and the header of the weight file */
    ENCODER_LOAD_TOKENIZER,
    ENCODER_SELECT_DEVICE,
    ENCODER_LOAD_WEIGHTS,
    ENCODER_STAGES
} encoder_stage;

typedef struct encoder_times {
    struct {
        int64_t from_ns, to_ns;
    } of[ENCODER_STAGES];
} encoder_times;

/* encoder_open that tells the times, also after a failure. */
AKI_MUST_CHECK aki_status encoder_open_timed(encoder **out, const char *folder, const aki_settings *settings,
                                             encoder_times *times, aki_error *error);
void encoder_close(encoder *enc);
void encoder_describe(const encoder *enc, aki_model_info *info); /* threads as in the settings */
size_t encoder_dimension(const encoder *enc);
/* Numbers of a token's vector in ENCODER_TOKENS. */
size_t encoder_token_width(const encoder *enc);
/* Tokens that ENCODER_TOKENS leaves out of a text: 1 where the model has ColBERT's head, else 0. */
size_t encoder_tokens_left_out(const encoder *enc);
/* Room that a text's numbers need, in f32. tokens: of the text, at most; only outputs of tokens depend on it. */
size_t encoder_numbers(const encoder *enc, encoder_output output, size_t tokens);
/* True where the model weighs token ids. */
bool encoder_has_sparse(const encoder *enc);
/* Token ids, rising, and their weights, all above 0, out of a text's numbers; returns how many. ids, weights: [that many], or both NULL. */
size_t encoder_sparse_read(const encoder *enc, const float *numbers, int32_t *ids, float *weights);
size_t encoder_max_tokens(const encoder *enc);
/* Tokens of a pass, as passes are planned: as many as the best device wants. A longer text is a pass of its own. The CPU may take less:
 * encoder_plan_pass. */
size_t encoder_max_pass_tokens(const encoder *enc);
/* True where the best device is quickest with passes as long as they may be, however many workers could share them. */
bool encoder_fills_passes(const encoder *enc);
const tokenizer *encoder_tokenizer(const encoder *enc);

/* Token ids of one text cut at the model's limit, or AKI_TEXT_TOO_LONG if refuse_long. out->ids lives in the scratch.
 * Errors as tokenizer_encode. */
AKI_MUST_CHECK aki_status encoder_tokenize(const encoder *enc, tokenizer_scratch *scratch, aki_text text,
                                           bool refuse_long, token_span *out, aki_error *error);

/* The model's task, and a classifier's label: NULL = there are no more. */
aki_task encoder_task(const encoder *enc);
const char *encoder_label(const encoder *enc, size_t index);
/* AKI_OK, or AKI_WRONG_TASK with what the model does instead. A reranker is a classifier with one label; a model may embed and weigh
 * token ids. */
typedef enum encoder_use { ENCODER_EMBEDS, ENCODER_CLASSIFIES, ENCODER_RERANKS, ENCODER_WEIGHS } encoder_use;
AKI_MUST_CHECK aki_status encoder_check_use(const encoder *enc, encoder_use use, aki_error *error);
/* Turns a classifier's logits of one text ([encoder_dimension], in place) into scores. */
void encoder_scores(const encoder *enc, aki_scores scores, float *logits);
/* Fills order[0..count) with the places of the scores, greatest first, equal ones as they stand. */
void encoder_order(const float *scores, size_t count, size_t *order);

/* Token ids of a pair of texts: the first is tokenized once, for any number of second ones. limits->max_tokens 0: the model's
 * limit; a greater one is lowered to that. instruction of length 0: the model's. Errors as token_pair_first and token_pair_second,
 * AKI_INVALID_ARGUMENT (an instruction, which the model does not take), and AKI_TEXT_TOO_LONG if refuse_long. */
struct token_pair_limits;
bool encoder_takes_instruction(const encoder *enc);
AKI_MUST_CHECK aki_status encoder_pair_first(const encoder *enc, tokenizer_scratch *scratch,
                                             aki_text instruction, aki_text text, aki_error *error);
AKI_MUST_CHECK aki_status encoder_pair_second(const encoder *enc, tokenizer_scratch *scratch, aki_text text,
                                              const struct token_pair_limits *limits, bool refuse_long,
                                              token_span *out, aki_error *error);

/* The prompt that the options ask for, or the model's default; length 0 = none. Lives as long as the options and the
 * encoder. Refuses what does not fit the model: an unknown prompt, pooling or number of dimensions. Error:
 * AKI_INVALID_ARGUMENT. */
AKI_MUST_CHECK aki_status encoder_read_options(const encoder *enc, const aki_embed_options *options,
                                               aki_text *prompt, aki_error *error);
bool encoder_has_prompt(const encoder *enc, const char *name);
/* Prompt number `index`. False: there are no more. */
bool encoder_prompt(const encoder *enc, size_t index, const char **name, aki_text *text);
/* The text behind its prompt, in `room` (overwritten) where there is one. data NULL = out of memory. */
aki_text encoder_join(buf *room, aki_text prompt, aki_text text);

typedef struct encoder_sequence {
    const int32_t *ids;
    size_t count;  /* 1 .. encoder_max_tokens */
    size_t second; /* the first token of type 1, as those behind it are; 0 = all are of type 0 */
    aki_pooling pooling;
    aki_switch normalize;
    size_t dimensions;     /* the vector is cut to its first numbers and normalised again; 0 = not cut */
    encoder_output output; /* pooling, normalize and dimensions have an effect on a VECTOR only */
    bool whole;            /* takes nothing over from other texts, and leaves nothing to them */
    float *vector;         /* [dimensions, or else encoder_numbers] f32, written by encoder_run */
    aki_status status;     /* written by encoder_run: AKI_OK or AKI_NOT_FINITE */
} encoder_sequence;

/* A part of an encoder's memory that all encoders with the same `of` have together. */
typedef struct encoder_share {
    const void *of; /* NULL = none */
    size_t bytes;
} encoder_share;

/* Weights: those of its own, and the mapped files and packed matrices, which encoders of the same files share. */
#define ENCODER_SHARES 2
typedef struct encoder_memory {
    size_t own_bytes;
    encoder_share shares[ENCODER_SHARES];
} encoder_memory;
void encoder_memory_read(const encoder *enc, encoder_memory *out);

/* Says why the CPU gives AKI_NOT_FINITE: see not_finite_cause. */
const char *encoder_not_finite_cause(const encoder *enc);

AKI_MUST_CHECK aki_status encoder_state_open(encoder_state **out, const encoder *enc, aki_error *error);
void encoder_state_close(encoder_state *state);
/* Memory that the state takes. */
size_t encoder_state_bytes(const encoder_state *state);
/* The prompt that stands before texts that ask for none, instead of the model's default. Before the encoder is shared. Error:
 * AKI_INVALID_ARGUMENT: the model has none of that name. */
AKI_MUST_CHECK aki_status encoder_choose_prompt(encoder *enc, const char *name, aki_error *error);

/* Which device passes are to go to first, beside the CPU, which is always there: see engine/device/registry.h, whose errors these
 * are, and AKI_MODEL_CHANGED. Once, before any state is opened. Without it: the CPU alone. */
struct device_choice;
AKI_MUST_CHECK aki_status encoder_choose_device(encoder *enc, const struct device_choice *choice,
                                                aki_error *error);
/* For device_lane_open. False = there is no device but the CPU. */
struct device_lane_settings;
bool encoder_lane_settings(const encoder *enc, struct device_lane_settings *settings);

/* Causal models compute what texts begin with in common, an instruction say, once (engine/prefix_cache.h). True: *prefix is to be computed
 * first, by a pass of its own. Before each pass that begins with encoder_team_begin, without a lock; encoder_run does it itself. */
bool encoder_plan_prefix(encoder_state *state, const encoder_sequence *sequences, size_t count,
                         encoder_sequence *prefix);
/* All 0 where texts take nothing over. */
struct prefix_cache_stats;
void encoder_prefix_stats(const encoder *enc, struct prefix_cache_stats *stats);

/* When the steps of a pass ended, by clock_monotonic_ns. */
typedef struct encoder_steps {
    int64_t forward_ns, pooled_ns, normalized_ns;
} encoder_steps;

/* Where the state's next passes note when their steps ended; NULL, as at first: nowhere, and no clock is read. */
void encoder_state_measure(encoder_state *state, encoder_steps *steps);

/* One pass over `count` sequences, at most as many as encoder_plan_pass says. Each sequence gets its vector
 * and its own status; the call itself fails only as a whole. Error: AKI_MODEL_CHANGED. */
AKI_MUST_CHECK aki_status encoder_run(const encoder *enc, encoder_state *state, encoder_sequence *sequences,
                                      size_t count, aki_error *error);

/* One pass by a team of workers. encoder_team_begin takes what the pass consists of, computes nothing and is short enough to be called
 * with a lock held; from then on workers with nothing else to do may help by encoder_team_help. After AKI_OK always
 * encoder_team_run with the same sequences, which is as encoder_run; vectors are bit-identical whoever came to help.
 * workers: how many will probably take part, this one included (>= 1). Error: AKI_INTERNAL. */
AKI_MUST_CHECK aki_status encoder_team_begin(const encoder *enc, encoder_state *state,
                                             const encoder_sequence *sequences, size_t count,
                                             unsigned workers, aki_error *error);
AKI_MUST_CHECK aki_status encoder_team_run(const encoder *enc, encoder_state *state,
                                           encoder_sequence *sequences, size_t count, aki_error *error);
/* On another worker's thread, with its own state: helps with the pass that `leader` has begun, until there is nothing more
 * to help with (also: nothing at all) or *called_away is not 0. `leader` must stay open meanwhile. */
void encoder_team_help(const encoder *enc, const encoder_state *own, const encoder_state *leader,
                       const atomic_uint *called_away);
/* How many of the first sequences fit a pass of the CPU: greedy, in order; at least one if there is one, however long. */
size_t encoder_plan_pass(const encoder *enc, const encoder_sequence *sequences, size_t count);
/* How many fit a budget of the caller's own, at most encoder_max_pass_tokens; at least one, as above. */
size_t encoder_plan_tokens(const encoder_sequence *sequences, size_t count, size_t budget_tokens);

#endif
