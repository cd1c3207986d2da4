/* akidb-embed embed: sets up what the options say and hands it to the job. */
#include "cli/commands.h"

#include "base/error.h"
#include "base/memory.h"
#include "cli/embed_job.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "cli/text_input.h"
#include "kernels/precision.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Writing over the texts that are being read would destroy both. */
static aki_status refuse_same_file(const options *o, aki_error *error)
{
    struct stat input, output;
    if (strcmp(option_text(o, OPTION_INPUT), "-") == 0 || stat(option_text(o, OPTION_INPUT), &input) != 0 ||
        stat(option_text(o, OPTION_OUTPUT), &output) != 0 || input.st_dev != output.st_dev ||
        input.st_ino != output.st_ino || !S_ISREG(input.st_mode))
        return AKI_OK;
    error_set(error, AKI_INVALID_ARGUMENT, "--input and --output are the same file");
    error_hint(error, "Name another --output.");
    return AKI_INVALID_ARGUMENT;
}

static void add_file(resume_settings *settings, const char *name, const char *path)
{
    struct stat info;
    char *real = realpath(path, NULL);
    if (stat(path, &info) == 0)
        resume_settings_add(settings, name, "%lld bytes of %lld.%09ld at %.400s", (long long)info.st_size,
                            (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, real != NULL ? real : path);
    free(real);
}

/* Everything that the bytes of the output depend on. Not here: threads and batches, which change nothing, and what to do with
 * bad texts, which may be answered anew after a stop at one. */
static void describe_run(resume_settings *settings, const options *o, const char *folder,
                         const aki_model_info *info, vector_format format)
{
    static const char *const formats[] = {"jsonl", "npy", "fvecs"};
    char weights[PATH_MAX];
    snprintf(weights, sizeof weights, "%s/model.safetensors", folder);
    add_file(settings, "input", option_text(o, OPTION_INPUT));
    resume_settings_add(settings, "input format", "%s field=%s column=%s delimiter=%s header=%s",
                        option_text(o, OPTION_INPUT_FORMAT), option_text(o, OPTION_FIELD),
                        option_text(o, OPTION_COLUMN) != NULL ? option_text(o, OPTION_COLUMN) : "",
                        option_text(o, OPTION_DELIMITER), option_on(o, OPTION_HEADER) ? "yes" : "no");
    add_file(settings, "model", weights);
    resume_settings_add(settings, "output format", "%s", formats[format]);
    resume_settings_add(settings, "pooling", "%s", option_text(o, OPTION_POOLING));
    resume_settings_add(settings, "normalize", "%s",
                        option_text(o, OPTION_NORMALIZE) == NULL ? "model"
                        : option_on(o, OPTION_NORMALIZE)         ? "yes"
                                                                 : "no");
    resume_settings_add(settings, "precision", "%s", kernel_precision_name(info->precision));
    resume_settings_add(settings, "CPU tier", "%s", info->cpu_tier);
    resume_settings_add(settings, "version", "%s", AKI_VERSION);
}

static aki_status prepare(embed_job *job, stop *s, aki_error *error)
{
    const options *o = job->options;
    aki_status status = refuse_same_file(o, error);
    if (status == AKI_OK)
        status = text_input_open(&job->reader, o, s, error);
    if (status == AKI_OK)
        status = output_open(&job->output, option_text(o, OPTION_OUTPUT), error);
    if (status == AKI_OK)
        status = choose_format(o, job->output, &job->format, error);
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
        job->resumable = line_source_size(text_reader_source(job->reader)) > 0 &&
                         strcmp(option_text(o, OPTION_INPUT), "-") != 0 && !output_is_stream(job->output);
        describe_run(&job->settings, o, folder, &info, job->format);
        job->threads = info.threads;
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
    stop_close(s);
    return code;
}
