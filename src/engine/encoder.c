/* The pieces of a model put together: files, tokenizer, device. */
#include "engine/encoder_parts.h"

#include "base/clock.h"
#include "base/cpus.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/device/cpu_device.h"
#include "engine/device_lane.h"
#include "engine/head_chain.h"
#include "engine/model_tokens.h"
#include "engine/pooling.h"
#include "engine/embed_options.h"
#include "engine/sparse_head.h"
#include "model/families.h"
#include "model/head_sparse.h"

/* For calls that were given up to come back at the end. */
#define DEVICE_CLOSE_MS 1000

static void begin(encoder_times *times, encoder_stage stage)
{
    times->of[stage].from_ns = clock_monotonic_ns();
}

static aki_status end(encoder_times *times, encoder_stage stage, aki_status status)
{
    if (status == AKI_OK)
        times->of[stage].to_ns = clock_monotonic_ns();
    return status;
}

/* The second text of a pair is of token type 1, where the model has types at all. */
static aki_status check_types(const encoder *enc, aki_error *error)
{
    if (model_heads_of(enc->files)->task != MODEL_TASK_CLASSIFY ||
        model_configuration(enc->files)->token_types != 1 || !token_pair_typed(enc->tok))
        return AKI_OK;
    return error_set(
        error, AKI_MODEL_INVALID,
        "the tokenizer in '%s' gives token type 1 to the second text of a pair, but the model has one type "
        "only (\"type_vocab_size\")",
        enc->folder);
}

/* A language model that ranks by its answer: the frame around pairs, and the head of the answers' two tokens. */
static aki_status prepare_question(encoder *enc, aki_error *error)
{
    const model_question *question = model_heads_of(enc->files)->question;
    if (question == NULL)
        return AKI_OK;
    enc->frame =
        (token_pair_frame){question->before_instruction, question->instruction,   question->before_first,
                           question->after_first,        question->before_second, question->after_second};
    aki_status status = token_pair_set_frame(enc->tok, &enc->frame, error);
    if (status != AKI_OK)
        return status;
    const int32_t yes = token_pair_answer(enc->tok, question->yes),
                  no = token_pair_answer(enc->tok, question->no);
    if (yes < 0 || no < 0)
        return error_set(
            error, AKI_MODEL_UNSUPPORTED,
            "'%s' is a language model without modules.json, which ranks by whether it answers '%s' or "
            "'%s', but its tokenizer does not have these as one token each",
            enc->folder, question->yes, question->no);
    log_write(&enc->log, AKI_LOG_INFO, "model",
              "a language model without modules.json: taken as a reranker that is asked whether a document "
              "answers a query, '%s' or '%s'",
              question->yes, question->no);
    return model_bind_answers(enc->files, yes, no, error);
}

/* Kernels first, then the weights packed for them. */
static aki_status open_device(encoder *enc, encoder_times *times, aki_error *error)
{
    int64_t selected_ns = 0;
    begin(times, ENCODER_SELECT_DEVICE);
    aki_status status =
        cpu_device_open_timed(&enc->cpu, enc->files, enc->settings.precision, enc->settings.cpu_tier,
                              enc->settings.weights_cache, &enc->log, &selected_ns, error);
    times->of[ENCODER_SELECT_DEVICE].to_ns = selected_ns;
    times->of[ENCODER_LOAD_WEIGHTS].from_ns = selected_ns;
    return end(times, ENCODER_LOAD_WEIGHTS, status);
}

/* Without the memory for it, or where every vector is made of more than the last token's state, texts are computed whole. */
static void open_prefixes(encoder *enc)
{
    const size_t row_bytes = cpu_device_prefix_row_bytes(enc->cpu), bytes = enc->settings.prefix_cache_bytes;
    const encoder_sequence usual = {.output = ENCODER_VECTOR};
    if (row_bytes > 0 && bytes != AKI_NO_PREFIX_CACHE && head_chain_takes_last(enc->heads, &usual))
        enc->prefixes = prefix_cache_open(bytes, model_configuration(enc->files)->layers, row_bytes);
}

/* The steps behind the encoder, and what weighs token ids. */
static aki_status open_heads(encoder *enc, aki_error *error)
{
    const model_heads *heads = model_heads_of(enc->files);
    const kernel_table *kernels = cpu_device_kernels(enc->cpu);
    sparse_head *sparse = NULL;
    aki_status status = head_chain_open(&enc->heads, heads, kernels, error);
    if (status != AKI_OK || heads->sparse.kind == MODEL_SPARSE_NONE)
        return status;
    status = sparse_head_open(&sparse, heads, kernels, cpu_device_precision(enc->cpu), enc->tok,
                              model_configuration(enc->files)->max_tokens, error);
    head_chain_take_sparse(enc->heads, sparse);
    return status;
}

static aki_status open_parts(encoder *enc, const char *folder, encoder_times *times, aki_error *error)
{
    begin(times, ENCODER_LOAD_CONFIG);
    aki_status status = end(times, ENCODER_LOAD_CONFIG, model_open(&enc->files, folder, error));
    if (status != AKI_OK)
        return status;
    if (model_is_bare(enc->files))
        log_write(&enc->log, AKI_LOG_WARN, "model",
                  "no sentence-transformers model in '%s' (it has no modules.json): taken as a bare "
                  "transformer, with mean pooling and without normalisation",
                  folder);
    const model_prompt *prompt = model_prompts_of(enc->files)->by_default;
    if (prompt != NULL && prompt->length > 0)
        log_write(&enc->log, AKI_LOG_INFO, "model",
                  "the model's default prompt '%s' stands before each text that no other is asked for",
                  prompt->name);
    begin(times, ENCODER_LOAD_TOKENIZER);
    status = end(times, ENCODER_LOAD_TOKENIZER, model_tokens_open(&enc->tok, enc->files, error));
    if (status == AKI_OK)
        status = check_types(enc, error);
    if (status == AKI_OK)
        status = prepare_question(enc, error);
    if (status == AKI_OK)
        status = open_device(enc, times, error);
    if (status == AKI_OK)
        status = open_heads(enc, error);
    if (status != AKI_OK)
        return status;
    open_prefixes(enc);
    if (model_damaged(enc->files))
        return error_set(error, AKI_MODEL_CHANGED, "the weight file in '%s' was cut while it was read",
                         folder);
    model_release_head_weights(enc->files);
    model_drop_pages(enc->files); /* only word embeddings are read from now on */
    return AKI_OK;
}

aki_status encoder_open(encoder **out, const char *folder, const aki_settings *settings, aki_error *error)
{
    encoder_times times;
    return encoder_open_timed(out, folder, settings, &times, error);
}

static bool are_pinned(const aki_settings *settings)
{
    cpus_info cpus;
    if (settings->pin != AKI_PIN_AUTO)
        return settings->pin == AKI_PIN_ON;
    cpus_read(&cpus);
    return cpus_suit_pinning(&cpus, settings->threads);
}

aki_status encoder_open_timed(encoder **out, const char *folder, const aki_settings *settings,
                              encoder_times *times, aki_error *error)
{
    *out = NULL;
    *times = (encoder_times){0};
    encoder *enc = mem_zalloc(1, sizeof *enc);
    if (enc == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the model handle");
    int64_t start_ns = clock_monotonic_ns();
    enc->folder = mem_copy_string(folder);
    enc->doubt = not_finite_open();
    aki_status status = enc->folder != NULL && enc->doubt != NULL
                            ? settings_complete(&enc->settings, settings, error)
                            : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the model's folder");
    if (status == AKI_OK) {
        enc->pass_tokens_given = settings_give_pass_tokens(settings);
        enc->log = (log_sink){enc->settings.log, enc->settings.log_cookie};
        enc->pinned = are_pinned(&enc->settings);
        status = open_parts(enc, folder, times, error);
    }
    if (status != AKI_OK) {
        encoder_close(enc);
        return status;
    }
    enc->settings.cpu_tier = NULL; /* the caller's string may go; cpu_device_tier tells from now on */
    log_write(&enc->log, AKI_LOG_INFO, "model",
              "loaded '%s' in %.1f ms: %s kernels, %zu MiB of packed weights", folder,
              (double)(clock_monotonic_ns() - start_ns) / NS_PER_MS, cpu_device_tier(enc->cpu),
              cpu_device_packed_bytes(enc->cpu) >> 20);
    *out = enc;
    return AKI_OK;
}

size_t encoder_longest_pass(const encoder *enc)
{
    const size_t planned = enc->settings.max_pass_tokens, text = encoder_max_tokens(enc);
    return planned > text ? planned : text;
}

/* What the device wants, within limits; 0 where that is no more than the CPU takes. */
static size_t pass_tokens_of(const device *d, size_t cpu_tokens)
{
    size_t wanted = device_interface(d)->pass_tokens;
    if (wanted > SETTINGS_MAX_PASS_TOKENS)
        wanted = SETTINGS_MAX_PASS_TOKENS;
    return wanted > cpu_tokens ? wanted : 0;
}

aki_status encoder_choose_device(encoder *enc, const device_choice *choice, aki_error *error)
{
    enc->loaded = (device_model){.config = model_configuration(enc->files),
                                 .weights = model_weights_of(enc->files),
                                 .precision = enc->settings.precision,
                                 .folder = enc->folder,
                                 .heads = model_heads_of(enc->files)};
    aki_status status = device_choose(&enc->preferred, choice, &enc->loaded, &enc->log, error);
    if (status == AKI_OK && enc->preferred != NULL && model_damaged(enc->files))
        return error_set(error, AKI_MODEL_CHANGED, "the weight file was cut while the device read it");
    model_drop_pages(enc->files);
    if (status == AKI_OK && enc->preferred != NULL && !enc->pass_tokens_given)
        enc->device_pass_tokens = pass_tokens_of(enc->preferred, enc->settings.max_pass_tokens);
    return status;
}

bool encoder_lane_settings(const encoder *enc, device_lane_settings *settings)
{
    *settings = (device_lane_settings){
        .device = enc->preferred,
        .heads = enc->heads,
        .max_tokens = encoder_fills_passes(enc) && enc->device_pass_tokens > encoder_longest_pass(enc)
                          ? enc->device_pass_tokens
                          : encoder_longest_pass(enc)};
    return enc->preferred != NULL;
}

void encoder_close(encoder *enc)
{
    if (enc == NULL)
        return;
    if (!device_close(enc->preferred, DEVICE_CLOSE_MS, enc)) {
        log_write(&enc->log, AKI_LOG_WARN, "device",
                  "calls to device %s have not come back; it and the model's files are left as they are",
                  device_interface(enc->preferred)->name);
        return;
    }
    prefix_cache_close(enc->prefixes);
    head_chain_close(enc->heads);
    cpu_device_close(enc->cpu);
    tokenizer_close(enc->tok);
    model_close(enc->files);
    not_finite_close(enc->doubt);
    mem_free(enc->folder);
    mem_free(enc);
}

void encoder_describe(const encoder *enc, aki_model_info *info)
{
    const model_config *config = model_configuration(enc->files);
    const model_head *pooling = head_chain_pooling(enc->heads);
    const model_prompts *prompts = model_prompts_of(enc->files);
    *info = (aki_model_info){
        .architecture = config->family->type,
        .cpu_tier = cpu_device_tier(enc->cpu),
        .precision = cpu_device_precision(enc->cpu),
        .default_pooling = pooling->poolings_count == 1 ? pooling->poolings[0] : AKI_POOLING_MODEL,
        .default_normalize = head_chain_normalizes(enc->heads),
        .threads = enc->settings.threads,
        .threads_pinned = enc->pinned,
        .max_pass_tokens = enc->settings.max_pass_tokens,
        .layers = config->layers,
        .hidden_size = config->hidden_size,
        .heads = config->heads,
        .intermediate_size = config->intermediate_size,
        .vocabulary_size = config->vocabulary_size,
        .default_prompt_name = prompts->by_default != NULL ? prompts->by_default->name : NULL,
        .weight_bytes =
            model_weight_bytes(enc->files) + cpu_device_packed_bytes(enc->cpu) + head_chain_bytes(enc->heads),
        .token_dimension = encoder_token_width(enc),
        .gives_sparse = encoder_has_sparse(enc),
        .prefix_cache_bytes = enc->prefixes != NULL ? enc->settings.prefix_cache_bytes : 0,
    };
}

void encoder_memory_read(const encoder *enc, encoder_memory *out)
{
    *out = (encoder_memory){
        .own_bytes = head_chain_bytes(enc->heads),
        .shares = {{model_weights_of(enc->files)->word_embeddings.data, model_weight_bytes(enc->files)},
                   {enc->cpu, cpu_device_packed_bytes(enc->cpu)}}};
}

size_t encoder_dimension(const encoder *enc)
{
    return head_chain_dimension(enc->heads);
}

size_t encoder_token_width(const encoder *enc)
{
    return head_chain_token_width(enc->heads);
}

size_t encoder_tokens_left_out(const encoder *enc)
{
    return model_heads_of(enc->files)->token_dense.outputs > 0;
}

size_t encoder_numbers(const encoder *enc, encoder_output output, size_t tokens)
{
    switch (output) {
    case ENCODER_TOKENS:
        return tokens * encoder_token_width(enc);
    case ENCODER_SPARSE:
        return sparse_head_numbers(head_chain_sparse(enc->heads));
    case ENCODER_PREFIX:
        return 0;
    case ENCODER_VECTOR:
        break;
    }
    return encoder_dimension(enc);
}

bool encoder_has_sparse(const encoder *enc)
{
    return head_chain_sparse(enc->heads) != NULL;
}

size_t encoder_sparse_read(const encoder *enc, const float *numbers, int32_t *ids, float *weights)
{
    return sparse_head_read(head_chain_sparse(enc->heads), numbers, ids, weights);
}

size_t encoder_max_tokens(const encoder *enc)
{
    return model_configuration(enc->files)->max_tokens;
}

size_t encoder_max_pass_tokens(const encoder *enc)
{
    return encoder_fills_passes(enc) ? enc->device_pass_tokens : enc->settings.max_pass_tokens;
}

bool encoder_fills_passes(const encoder *enc)
{
    return enc->device_pass_tokens > 0;
}

const char *encoder_not_finite_cause(const encoder *enc)
{
    return not_finite_cause(enc->doubt, enc->files, enc->cpu, &enc->log);
}

const tokenizer *encoder_tokenizer(const encoder *enc)
{
    return enc->tok;
}

bool encoder_has_prompt(const encoder *enc, const char *name)
{
    return model_prompt_find(enc->files, name) != NULL;
}

aki_status encoder_choose_prompt(encoder *enc, const char *name, aki_error *error)
{
    const aki_embed_options options = {.prompt_name = name};
    aki_text prompt;
    aki_status status = encoder_read_options(enc, &options, &prompt, error);
    if (status == AKI_OK)
        model_choose_prompt(enc->files, name);
    return status;
}

bool encoder_prompt(const encoder *enc, size_t index, const char **name, aki_text *text)
{
    const model_prompts *prompts = model_prompts_of(enc->files);
    if (index >= prompts->count)
        return false;
    *name = prompts->items[index].name;
    *text = (aki_text){prompts->items[index].text, prompts->items[index].length};
    return true;
}

aki_status encoder_read_options(const encoder *enc, const aki_embed_options *options, aki_text *prompt,
                                aki_error *error)
{
    return embed_options_read(options, enc->files, prompt, error);
}

aki_status encoder_tokenize(const encoder *enc, tokenizer_scratch *scratch, aki_text text, bool refuse_long,
                            token_span *out, aki_error *error)
{
    size_t limit = encoder_max_tokens(enc);
    aki_status status = tokenizer_encode(enc->tok, scratch, text, limit, out, error);
    if (status != AKI_OK || !out->truncated || !refuse_long)
        return status;
    const size_t chars = tokenizer_most_chars(enc->tok, limit);
    if (chars > 0)
        return error_set(error, AKI_TEXT_TOO_LONG,
                         "the text has more than the %zu tokens, or the %zu characters, that the model takes",
                         limit, chars);
    return error_set(error, AKI_TEXT_TOO_LONG, "the text has more than the %zu tokens that the model takes",
                     limit);
}

aki_task encoder_task(const encoder *enc)
{
    switch (model_heads_of(enc->files)->task) {
    case MODEL_TASK_CLASSIFY:
        return AKI_TASK_CLASSIFY;
    case MODEL_TASK_SPARSE:
        return AKI_TASK_SPARSE;
    case MODEL_TASK_EMBED:
        break;
    }
    return AKI_TASK_EMBED;
}

const char *encoder_label(const encoder *enc, size_t index)
{
    const model_heads *heads = model_heads_of(enc->files);
    return heads->labels != NULL && index < heads->dimension ? heads->labels[index] : NULL;
}

aki_status encoder_check_use(const encoder *enc, encoder_use use, aki_error *error)
{
    const aki_task task = encoder_task(enc);
    const bool ranks = task == AKI_TASK_CLASSIFY && encoder_dimension(enc) == 1;
    static const char *const wanted[] = {[ENCODER_EMBEDS] = "an embedding model",
                                         [ENCODER_CLASSIFIES] = "a classifier or reranker",
                                         [ENCODER_RERANKS] = "a reranker",
                                         [ENCODER_WEIGHS] = "a sparse one"};
    const bool fits[] = {[ENCODER_EMBEDS] = task == AKI_TASK_EMBED,
                         [ENCODER_CLASSIFIES] = task == AKI_TASK_CLASSIFY,
                         [ENCODER_RERANKS] = ranks,
                         [ENCODER_WEIGHS] = encoder_has_sparse(enc)};
    if (fits[use])
        return AKI_OK;
    error_set(error, AKI_WRONG_TASK, "the model is not %s but %s", wanted[use],
              ranks                       ? "a reranker"
              : task == AKI_TASK_CLASSIFY ? "a classifier with several labels"
              : task == AKI_TASK_SPARSE   ? "a sparse one"
                                          : "an embedding model");
    if (use == ENCODER_WEIGHS && model_heads_of(enc->files)->unread_pickles)
        error_hint(error,
                   "Its " SPARSE_FILE ".pt is of a format that can run code when read. " SPARSE_CONVERT);
    return AKI_WRONG_TASK;
}

void encoder_scores(const encoder *enc, aki_scores scores, float *logits)
{
    head_scores_apply(model_heads_of(enc->files), scores, logits, encoder_dimension(enc));
}

void encoder_order(const float *scores, size_t count, size_t *order)
{
    head_scores_order(scores, count, order);
}

bool encoder_takes_instruction(const encoder *enc)
{
    return token_pair_instructed(enc->tok);
}

aki_status encoder_pair_first(const encoder *enc, tokenizer_scratch *scratch, aki_text instruction,
                              aki_text text, aki_error *error)
{
    if (instruction.length > 0 && !encoder_takes_instruction(enc))
        return error_set(error, AKI_INVALID_ARGUMENT,
                         "the model ranks without an instruction: only language models that rank take one");
    return token_pair_first(enc->tok, scratch, instruction, text, error);
}

aki_status encoder_pair_second(const encoder *enc, tokenizer_scratch *scratch, aki_text text,
                               const token_pair_limits *limits, bool refuse_long, token_span *out,
                               aki_error *error)
{
    const size_t most = encoder_max_tokens(enc);
    token_pair_limits own = *limits;
    if (own.max_tokens == 0 || own.max_tokens > most)
        own.max_tokens = most;
    aki_status status = token_pair_second(enc->tok, scratch, text, &own, out, error);
    if (status == AKI_OK && out->truncated && refuse_long)
        return error_set(error, AKI_TEXT_TOO_LONG,
                         "the two texts have more than the %zu tokens that are taken together",
                         own.max_tokens);
    return status;
}

void encoder_prefix_stats(const encoder *enc, prefix_cache_stats *stats)
{
    prefix_cache_read_stats(enc->prefixes, stats);
}
