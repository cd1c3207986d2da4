/* akidb-embed tokenize: one JSON object with ids and tokens per text, from the tokenizer alone. */
#include "cli/options/commands.h"

#include "base/error.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "cli/bulk/output_file.h"
#include "cli/bulk/text_input.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "engine/encoder.h"
#include "engine/model_tokens.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define FLUSH_BYTES ((size_t)64 << 10)

typedef struct tokenize_job {
    const options *options;
    stop *stop;
    text_reader *reader;
    tokenizer *tokenizer;
    tokenizer_scratch *scratch;
    output_file *output;
    buf out;
    uint64_t texts, truncated;
    skipped_texts skipped;
    skipped_counts counts;
} tokenize_job;

static void append_tokens(tokenize_job *job, const token_span *span)
{
    buf *out = &job->out;
    buf_append_string(out, "{\"ids\":[");
    for (size_t i = 0; i < span->count; i++) {
        char number[16];
        buf_append(out, number,
                   (size_t)snprintf(number, sizeof number, "%s%d", i > 0 ? "," : "", span->ids[i]));
    }
    buf_append_string(out, "],\"tokens\":[");
    for (size_t i = 0; i < span->count; i++) {
        const char *text = tokenizer_token_text(job->tokenizer, span->ids[i]);
        if (i > 0)
            buf_append_char(out, ',');
        json_text_append_string(out, text != NULL ? text : "");
    }
    buf_append_string(out, span->truncated ? "],\"truncated\":true}\n" : "],\"truncated\":false}\n");
}

static aki_status flush(tokenize_job *job, aki_error *error)
{
    if (job->out.failed)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the tokens of a text");
    aki_status status = output_write(job->output, job->out.data, job->out.length, error);
    buf_clear(&job->out);
    return status;
}

static aki_status skip(tokenize_job *job, const text_record *record, const aki_error *why, aki_error *error)
{
    aki_status status =
        skipped_texts_add(&job->skipped, &job->counts, job->texts++, record->line, why, error);
    return status == AKI_OK ? skipped_texts_write(&job->skipped, error) : status;
}

static aki_status tokenize_all(tokenize_job *job, aki_error *error)
{
    size_t most = option_size(job->options, OPTION_MAX_LENGTH);
    for (;;) {
        aki_error reason;
        text_record record;
        token_span span;
        aki_status status = AKI_OK;
        if (!line_source_ready(text_reader_source(job->reader)) && flush(job, error) != AKI_OK)
            return error->status; /* let the reader of a pipe see what is done before waiting for more */
        text_outcome outcome =
            stop_signal(job->stop) != 0 ? TEXT_STOPPED : text_reader_next(job->reader, &record, &reason);
        if (outcome == TEXT_READ) {
            aki_text text = {.data = record.text, .length = record.length};
            status = tokenizer_encode(job->tokenizer, job->scratch, text, most, &span, error);
            if (status != AKI_OK && status != AKI_NO_TOKENS)
                return status;
            if (status == AKI_NO_TOKENS)
                outcome = text_set_no_tokens(text_reader_source(job->reader), record.line, &reason);
        }
        if (outcome == TEXT_BAD && text_input_skips(job->options, &reason)) {
            status = skip(job, &record, &reason, error);
            if (status != AKI_OK)
                return status;
            continue;
        }
        if (outcome != TEXT_READ) {
            status = flush(job, error);
            if (status == AKI_OK && outcome == TEXT_END)
                status = skipped_texts_finish(&job->skipped, error);
            if (status != AKI_OK || outcome == TEXT_END)
                return status;
            if (outcome == TEXT_STOPPED)
                return error_set(error, AKI_CANCELLED, "stopped by a signal");
            *error = reason;
            return reason.status;
        }
        append_tokens(job, &span);
        job->texts++;
        job->truncated += span.truncated;
        if (job->out.failed || job->out.length >= FLUSH_BYTES)
            status = flush(job, error);
        if (status != AKI_OK)
            return status;
    }
}

static aki_status open_list(tokenize_job *job, aki_error *error)
{
    char *path = NULL;
    aki_status status = text_input_list_path(job->options, job->output, &path, error);
    if (status == AKI_OK)
        status = skipped_texts_open(&job->skipped, path, true, stop_descriptor(job->stop), error);
    mem_free(path);
    return status == AKI_OK ? skipped_texts_continue(&job->skipped, 0, error) : status;
}

static aki_status prepare(tokenize_job *job, aki_error *error)
{
    const options *o = job->options;
    char *folder = NULL;
    aki_status status = text_input_open(&job->reader, o, job->stop, error);
    if (status == AKI_OK)
        status = output_open(&job->output, "-", stop_descriptor(job->stop), error);
    if (status == AKI_OK)
        status = open_list(job, error);
    if (status == AKI_OK)
        status = model_locate(o, option_text(o, OPTION_MODEL), false, job->stop, message_log_sink(), &folder,
                              error);
    if (status == AKI_OK)
        status = model_tokens_open_folder(&job->tokenizer, folder, error);
    mem_free(folder);
    if (status != AKI_OK)
        return status;
    job->scratch = tokenizer_scratch_open();
    return job->scratch != NULL ? AKI_OK : error_set(error, AKI_OUT_OF_MEMORY, "no memory to tokenize");
}

static int report(const tokenize_job *job, aki_status status, const aki_error *error)
{
    int signal_number = job->stop != NULL ? stop_signal(job->stop) : 0;
    if (status == AKI_OK) {
        skipped_texts_report(&job->skipped, &job->counts, job->texts);
        text_input_report(job->texts, job->truncated, option_size(job->options, OPTION_MAX_LENGTH));
        return text_input_exit_code(job->options, &job->counts);
    }
    if (status == AKI_CANCELLED)
        return 128 + (signal_number != 0 ? signal_number : SIGPIPE);
    message_error(error);
    return status == AKI_INVALID_ARGUMENT && job->tokenizer == NULL ? EXIT_USAGE : EXIT_FAILED;
}

int command_tokenize(const options *o)
{
    aki_error error;
    tokenize_job job = {.options = o};
    buf_init(&job.out, SIZE_MAX / 2);
    aki_status status = stop_open(&job.stop, 0, &error);
    if (status == AKI_OK)
        status = prepare(&job, &error);
    if (status == AKI_OK)
        status = tokenize_all(&job, &error);
    int code = report(&job, status, &error);
    buf_free(&job.out);
    tokenizer_scratch_close(job.scratch);
    tokenizer_close(job.tokenizer);
    text_reader_close(job.reader);
    output_close(job.output);
    skipped_texts_close(&job.skipped);
    stop_close(job.stop);
    return code;
}
