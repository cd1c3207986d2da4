/* akidb-embed embed: sets up what the options say and hands it to the job. */
#include "cli/options/commands.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/xxhash64.h"
#include "cli/bulk/embed_job.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "cli/bulk/text_input.h"
#include "kernels/precision.h"
#include "model/file_hashes.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static aki_status choose_format(const options *o, const output_file *output, vector_format *format,
                                aki_error *error)
{
    static const vector_format formats[] = {VECTORS_JSONL, VECTORS_JSONL, VECTORS_NPY, VECTORS_FVECS};
    const char *path = option_text(o, OPTION_OUTPUT);
    const char *ending = strrchr(path, '.');
    int64_t chosen = option_number(o, OPTION_OUTPUT_FORMAT);
    *format = formats[chosen];
    if (chosen == 0 && !output_is_stream(output)) {
        if (ending != NULL && strcasecmp(ending, ".npy") == 0) {
            *format = VECTORS_NPY;
        } else if (ending != NULL && strcasecmp(ending, ".fvecs") == 0) {
            *format = VECTORS_FVECS;
        } else if (ending == NULL ||
                   (strcasecmp(ending, ".jsonl") != 0 && strcasecmp(ending, ".ndjson") != 0)) {
            error_set(error, AKI_INVALID_ARGUMENT, "cannot tell a format from the name '%s'", path);
            error_hint(error, "End it in .jsonl, .npy or .fvecs, or add --output-format.");
            return AKI_INVALID_ARGUMENT;
        }
    }
    if (*format == VECTORS_NPY && output_is_stream(output)) {
        error_set(error, AKI_INVALID_ARGUMENT,
                  "npy cannot be written to '%s': the number of vectors stands at its beginning",
                  output_name(output));
        error_hint(error, "Name a file with --output vectors.npy, or choose jsonl or fvecs.");
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}

/* Sparse vectors and those of tokens have no length that they share. */
static aki_status check_kind(const options *o, vector_kind kind, vector_format format, aki_error *error)
{
    static const char *const names[] = {"dense", "sparse", "tokens"};
    if (kind == VECTORS_DENSE)
        return AKI_OK;
    if (format != VECTORS_JSONL) {
        error_set(error, AKI_INVALID_ARGUMENT, "--output-kind %s cannot be written as %s", names[kind],
                  format == VECTORS_NPY ? "npy" : "fvecs");
        error_hint(error, "Write jsonl: --output vectors.jsonl, or --output-format jsonl.");
        return AKI_INVALID_ARGUMENT;
    }
    if (option_number(o, OPTION_DIMENSIONS) > 0) {
        error_set(error, AKI_INVALID_ARGUMENT, "--dimensions cuts dense vectors, not --output-kind %s",
                  names[kind]);
        error_hint(error, "Leave one of them out.");
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}

/* Writing over the texts that are being read would destroy both. */
static aki_status refuse_same_file(const options *o, const char *path, const char *flag, aki_error *error)
{
    struct stat input, output;
    if (strcmp(option_text(o, OPTION_INPUT), "-") == 0 || path == NULL ||
        stat(option_text(o, OPTION_INPUT), &input) != 0 || stat(path, &output) != 0 ||
        input.st_dev != output.st_dev || input.st_ino != output.st_ino || !S_ISREG(input.st_mode))
        return AKI_OK;
    error_set(error, AKI_INVALID_ARGUMENT, "--input and --%s are the same file", flag);
    error_hint(error, "Name another --%s.", flag);
    return AKI_INVALID_ARGUMENT;
}

static void add_model_file(void *cookie, const char *name, const char *hash)
{
    resume_settings_add_file(cookie, name, hash);
}

/* A setting has a limited length, a prompt may be longer: so its hash stands behind it. */
static void describe_prompt(resume_settings *settings, aki_text prompt)
{
    if (prompt.length == 0)
        resume_settings_add(settings, "prompt", "none");
    else
        resume_settings_add(settings, "prompt", "'%.*s' (%016" PRIx64 ")",
                            (int)(prompt.length < 80 ? prompt.length : 80), prompt.data,
                            xxhash64(0, prompt.data, prompt.length));
}

/* Everything that the bytes of the output depend on. Not here: threads and batches, which change nothing, and what to do with
 * bad texts, which may be answered anew after a stop at one. */
static aki_status describe_run(embed_job *job, const char *folder, const aki_model_info *info,
                               aki_error *error)
{
    static const char *const formats[] = {"jsonl", "npy", "fvecs"};
    const options *o = job->options;
    resume_settings *settings = &job->settings;
    char input[400];
    text_input_describe(o, job->reader, input, sizeof input);
    resume_settings_add(settings, "input format", "%s", input);
    resume_settings_add(settings, "output format", "%s", formats[job->format]);
    resume_settings_add(settings, "output kind", "%s", option_text(o, OPTION_OUTPUT_KIND));
    resume_settings_add(settings, "pooling", "%s", option_text(o, OPTION_POOLING));
    resume_settings_add(settings, "normalize", "%s",
                        option_text(o, OPTION_NORMALIZE) == NULL ? "model"
                        : option_on(o, OPTION_NORMALIZE)         ? "yes"
                                                                 : "no");
    resume_settings_add(settings, "dimensions", "%zu", job->dimension);
    describe_prompt(settings, job->how.prompt);
    resume_settings_add(settings, "precision", "%s", kernel_precision_name(info->precision));
    resume_settings_add(settings, "CPU tier", "%s", info->cpu_tier);
    resume_settings_add(settings, "version", "%s", AKI_VERSION);
    return file_hashes_of(folder, add_model_file, settings, error);
}

/* False: the model has no prompt of that name. */
static bool find_prompt(const aki_model *model, const char *name, aki_text *text)
{
    const char *found;
    for (size_t i = 0; aki_prompt(model, i, &found, text); i++)
        if (strcmp(found, name) == 0)
            return true;
    return false;
}

/* The prompt by its text, its name, or the model's default. */
static aki_status choose_prompt(const options *o, const aki_model *model, const aki_model_info *info,
                                aki_text *prompt, aki_error *error)
{
    const char *text = option_text(o, OPTION_PROMPT), *name = option_text(o, OPTION_PROMPT_NAME);
    *prompt = text != NULL ? (aki_text){text, strlen(text)} : (aki_text){"", 0};
    if (text != NULL && name != NULL) {
        error_set(error, AKI_INVALID_ARGUMENT, "both --prompt and --prompt-name are given");
        error_hint(error, "Leave one of them out.");
        return AKI_INVALID_ARGUMENT;
    }
    if (name == NULL)
        name = info->default_prompt_name;
    if (text != NULL || name == NULL || find_prompt(model, name, prompt))
        return AKI_OK;
    error_set(error, AKI_INVALID_ARGUMENT, "the model has no prompt of the name '%.64s'", name);
    error_hint(
        error,
        "Take a name of \"prompts\" in the model's config_sentence_transformers.json, or give the text "
        "itself with --prompt.");
    return AKI_INVALID_ARGUMENT;
}

static aki_status choose_vectors(embed_job *job, const aki_model_info *info, aki_error *error)
{
    static const aki_pooling poolings[] = {
        AKI_POOLING_MODEL, AKI_POOLING_MEAN,          AKI_POOLING_CLS,          AKI_POOLING_MAX,
        AKI_POOLING_LAST,  AKI_POOLING_MEAN_SQRT_LEN, AKI_POOLING_WEIGHTED_MEAN};
    const options *o = job->options;
    job->how = (aki_embed_options){.pooling = poolings[option_number(o, OPTION_POOLING)],
                                   .normalize = option_text(o, OPTION_NORMALIZE) == NULL ? AKI_MODEL_DEFAULT
                                                : option_on(o, OPTION_NORMALIZE)         ? AKI_ON
                                                                                         : AKI_OFF,
                                   .dimensions = (size_t)option_number(o, OPTION_DIMENSIONS)};
    job->dimension = job->kind == VECTORS_TOKENS ? info->token_dimension
                     : job->how.dimensions > 0   ? job->how.dimensions
                                                 : aki_dimension(job->model);
    if (job->kind == VECTORS_DENSE && job->dimension > aki_dimension(job->model)) {
        error_set(error, AKI_INVALID_ARGUMENT,
                  "--dimensions is %zu, but the model's vectors have %zu numbers", job->dimension,
                  aki_dimension(job->model));
        error_hint(error, "Ask for at most as many as the model has.");
        return AKI_INVALID_ARGUMENT;
    }
    return choose_prompt(o, job->model, info, &job->how.prompt, error);
}

static aki_status open_list(embed_job *job, const stop *s, aki_error *error)
{
    char *path = NULL;
    aki_status status = text_input_list_path(job->options, job->output, &path, error);
    if (status == AKI_OK)
        status = refuse_same_file(job->options, path, "skipped", error);
    if (status == AKI_OK)
        status = skipped_texts_open(&job->skipped, path, option_text(job->options, OPTION_SKIPPED) != NULL,
                                    stop_descriptor(s), error);
    mem_free(path);
    return status;
}

static aki_status prepare(embed_job *job, stop *s, aki_error *error)
{
    const options *o = job->options;
    aki_status status = refuse_same_file(o, option_text(o, OPTION_OUTPUT), "output", error);
    if (status == AKI_OK)
        status = text_input_open(&job->reader, o, s, error);
    if (status == AKI_OK)
        status = output_open(&job->output, option_text(o, OPTION_OUTPUT), stop_descriptor(s), error);
    if (status == AKI_OK)
        status = choose_format(o, job->output, &job->format, error);
    job->kind = (vector_kind)option_number(o, OPTION_OUTPUT_KIND);
    if (status == AKI_OK)
        status = check_kind(o, job->kind, job->format, error);
    if (status == AKI_OK)
        status = open_list(job, s, error);
    char *folder = NULL;
    if (status == AKI_OK)
        status = model_locate(o, option_text(o, OPTION_MODEL), false, s, message_log_sink(), &folder, error);
    if (status == AKI_OK) {
        aki_settings settings = model_open_settings(o, message_log_sink());
        status = aki_open(&job->model, folder, &settings, error);
    }
    if (status == AKI_OK) {
        aki_model_info info;
        aki_model_describe(job->model, &info);
        status = choose_vectors(job, &info, error);
        job->resumable = line_source_size(text_reader_source(job->reader)) > 0 &&
                         strcmp(option_text(o, OPTION_INPUT), "-") != 0 && !output_is_stream(job->output);
        job->threads = info.threads;
        if (status == AKI_OK && job->resumable)
            status = describe_run(job, folder, &info, error);
    }
    mem_free(folder);
    return status;
}

int command_embed(const options *o)
{
    aki_error error;
    stop *s = NULL;
    embed_job job = {.options = o};
    aki_status status = stop_open(&s, 0, &error);
    if (status == AKI_OK) {
        job.stop = s;
        status = prepare(&job, s, &error);
    }
    if (status == AKI_OK)
        status = embed_job_run(&job, &error);
    int code = embed_job_report(&job, status, &error);
    aki_close(&job.model);
    text_reader_close(job.reader);
    output_close(job.output);
    skipped_texts_close(&job.skipped);
    resume_settings_free(&job.settings);
    stop_close(s);
    return code;
}
