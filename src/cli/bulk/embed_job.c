#include "cli/bulk/embed_job.h"

#include "base/clock.h"
#include "base/error.h"
#include "cli/options/commands.h"
#include "cli/bulk/embed_batch.h"
#include "cli/message.h"
#include "cli/model_source.h"
#include "cli/progress.h"
#include "cli/bulk/text_input.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHECKPOINT_NS NS_PER_S
#define AUTO_TEXTS_PER_THREAD 128
#define AUTO_LEAST_TEXTS 256
#define AUTO_MOST_TEXTS 8192
#define AUTO_TOKEN_TEXTS 32 /* a vector for each token takes much more memory than its text */
#define BYTES_PER_TEXT                                                                                       \
    512 /* long texts make a batch full by bytes, so that it takes no longer than one of short ones */
#define LEAST_BATCH_BYTES ((size_t)64 << 10)
#define MOST_SKIPPED 4096 /* entries of texts left out that are kept until they are written */
#define EXIT_BROKEN_PIPE (128 + SIGPIPE)

/* State of one run. */
typedef struct run {
    embed_job *job;
    embed_batch batch;
    buf out;
    resume_state next; /* after the batch in hand */
    progress bar;
    uint64_t bytes_at_start;
    int64_t saved_ns;
    bool may_lack_tokens; /* the model adds none to a text, so that there are texts without any */
} run;

static bool lacks_tokens_within(const aki_model *model, aki_text text, size_t max_tokens)
{
    aki_tokens tokens = {0};
    bool lacks = aki_tokenize(model, text, max_tokens, &tokens, NULL) == AKI_NO_TOKENS;
    aki_tokens_free(&tokens);
    return lacks;
}

/* True when the model finds no token in the text. The first two of a static model may be unknown ones, which it leaves out. */
static bool lacks_tokens(const aki_model *model, aki_text text)
{
    return lacks_tokens_within(model, text, 2) && lacks_tokens_within(model, text, aki_max_tokens(model));
}

/* Either of nothing, or of a character that is in no vocabulary (U+10FFFD) where the model leaves out unknown tokens. */
static bool texts_may_lack_tokens(const aki_model *model)
{
    return lacks_tokens(model, (aki_text){" ", 1}) || lacks_tokens(model, (aki_text){"\xF4\x8F\xBF\xBD", 4});
}

static aki_status begin_output(run *r, aki_error *error)
{
    embed_job *job = r->job;
    aki_status status = output_continue(job->output, 0, error);
    buf_clear(&r->out);
    if (!vectors_begin(&r->out, job->format, 0, job->dimension))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to write '%s'", output_name(job->output));
    if (status == AKI_OK && output_state_path(job->output) != NULL)
        unlink(output_state_path(job->output));
    if (status == AKI_OK)
        status = output_write(job->output, r->out.data, r->out.length, error);
    if (status == AKI_OK)
        status = skipped_texts_continue(&job->skipped, 0, error);
    job->state = (resume_state){.input = text_reader_position(job->reader),
                                .bytes = output_bytes(job->output),
                                .max_line_bytes = option_size(job->options, OPTION_MAX_LINE_BYTES)};
    return status;
}

static resume_policy policy_of(const options *o)
{
    bool skips = text_input_skips_unusable(o);
    return (resume_policy){.skips_empty = skips || option_on(o, OPTION_SKIP_EMPTY),
                           .skips_unusable = skips,
                           .truncates = option_on(o, OPTION_TRUNCATE),
                           .max_line_bytes = option_size(o, OPTION_MAX_LINE_BYTES)};
}

/* Goes on where the state says, or begins. */
static aki_status begin(run *r, aki_error *error)
{
    embed_job *job = r->job;
    const char *path = output_state_path(job->output);
    bool left = path != NULL && access(path, F_OK) == 0 && output_found_bytes(job->output) > 0;
    if (!left || option_on(job->options, OPTION_RESTART))
        return begin_output(r, error);
    if (!job->resumable) {
        error_set(error, AKI_INVALID_ARGUMENT, "'%s' is of an interrupted run that read a file", path);
        error_hint(error, "Continue it with its --input, or begin anew with --restart.");
        return AKI_INVALID_ARGUMENT;
    }
    const resume_policy policy = policy_of(job->options);
    aki_status status = resume_state_read(path, &job->settings, &policy, &job->state, error);
    if (status == AKI_OK && output_found_bytes(job->output) < job->state.bytes) {
        error_set(error, AKI_IO_ERROR, "'%s' counts more bytes than the partial output has", path);
        error_hint(error, "Begin anew with --restart.");
        return AKI_IO_ERROR;
    }
    if (status == AKI_OK)
        status = text_reader_seek(job->reader, job->state.input, error);
    if (status == AKI_OK)
        status = skipped_texts_continue(&job->skipped, job->state.skipped_bytes, error);
    if (status == AKI_OK)
        status = output_continue(job->output, job->state.bytes, error);
    if (status == AKI_OK) {
        job->state.max_line_bytes = policy.max_line_bytes;
        job->continued_texts = job->state.texts;
        job->saved = true;
        message_note("continuing at text %" PRIu64, job->state.texts + 1);
    }
    return status;
}

static aki_status checkpoint(run *r, aki_error *error)
{
    embed_job *job = r->job;
    if (!job->resumable || job->saved)
        return AKI_OK;
    aki_status status = output_sync(job->output, error);
    if (status == AKI_OK)
        status = skipped_texts_sync(&job->skipped, error);
    if (status == AKI_OK)
        status = resume_state_write(output_state_path(job->output), &job->settings, &job->state, error);
    job->saved = status == AKI_OK;
    r->saved_ns = clock_monotonic_ns();
    return status;
}

/* Fills the batch. TEXT_READ: there may be more; otherwise why it ended, with the error for TEXT_BAD and TEXT_FAILED. */
static text_outcome read_batch(run *r, aki_error *error)
{
    embed_job *job = r->job;
    embed_batch_clear(&r->batch);
    r->next = job->state;
    while (!embed_batch_full(&r->batch) && skipped_texts_pending(&job->skipped) < MOST_SKIPPED) {
        if (r->batch.count > 0 && !line_source_ready(text_reader_source(job->reader)))
            return TEXT_READ; /* compute what there is while the writer of a pipe thinks */
        text_record record;
        text_outcome outcome = text_reader_next(job->reader, &record, error);
        if (outcome == TEXT_READ && r->may_lack_tokens &&
            lacks_tokens(job->model, (aki_text){record.text, record.length}))
            outcome = text_set_no_tokens(text_reader_source(job->reader), record.line, error);
        if (outcome == TEXT_BAD && text_input_skips(job->options, error)) {
            const aki_error why = *error;
            if (skipped_texts_add(&job->skipped, &r->next.skipped, r->next.texts, record.line, &why, error) !=
                AKI_OK)
                return TEXT_FAILED;
        } else if (outcome != TEXT_READ) {
            return outcome;
        } else {
            embed_item item = {.line = record.line,
                               .index = r->next.texts,
                               .skipped = r->next.skipped,
                               .position = r->next.input};
            if (embed_batch_add(&r->batch, &record, item, error) != AKI_OK)
                return TEXT_FAILED;
        }
        r->next.texts++;
        r->next.input = text_reader_position(job->reader);
    }
    return TEXT_READ;
}

/* --no-truncate: a cut text is a bad one. Stops before it, or takes it out of the batch. */
static aki_status refuse_truncated(run *r, size_t i, aki_error *error)
{
    const embed_item *item = &r->batch.items[i];
    error_set(error, AKI_TEXT_TOO_LONG, "%s line %" PRIu64 ": the text has more than the model's %zu tokens",
              line_source_name(text_reader_source(r->job->reader)), item->line,
              aki_max_tokens(r->job->model));
    error_hint(error,
               "Shorten it, let it be cut with --truncate, or leave such texts out with --on-error skip.");
    if (text_input_skips(r->job->options, error)) {
        const aki_error why = *error;
        return skipped_texts_add(&r->job->skipped, &r->next.skipped, item->index, item->line, &why, error);
    }
    skipped_texts_rewind(&r->job->skipped, item->index);
    r->next.texts = item->index;
    r->next.input = item->position;
    r->next.skipped = item->skipped;
    return AKI_TEXT_TOO_LONG;
}

static aki_status format_batch(run *r, aki_error *error)
{
    const embed_job *job = r->job;
    aki_status status = AKI_OK;
    buf_clear(&r->out);
    for (size_t i = 0; i < r->batch.count && status == AKI_OK; i++) {
        const embed_item *item = &r->batch.items[i];
        bool truncated = r->batch.info[i].truncated;
        if (truncated && !option_on(job->options, OPTION_TRUNCATE)) {
            status = refuse_truncated(r, i, error);
            continue;
        }
        vector_record record = {.index = item->index,
                                .id = item->id != SIZE_MAX ? r->batch.bytes.data + item->id : NULL,
                                .truncated = truncated};
        embed_batch_get(&r->batch, i, &record);
        if (!vectors_append(&r->out, job->format, &record))
            return error_set(error, AKI_OUT_OF_MEMORY,
                             "no memory to write %zu vectors at once; try a smaller --batch-texts",
                             r->batch.count);
        r->next.written++;
        r->next.truncated += truncated;
    }
    return status;
}

/* Computes and writes the batch; the job's state is moved on only when all of it is in the output. */
static aki_status finish_batch(run *r, aki_error *error)
{
    embed_job *job = r->job;
    aki_status refused = AKI_OK, status = AKI_OK;
    if (r->batch.count > 0) {
        status = embed_batch_compute(&r->batch, job->model, &job->how, error);
        if (status != AKI_OK)
            return status;
        refused = format_batch(r, error);
        if (refused != AKI_OK && refused != AKI_TEXT_TOO_LONG)
            return refused;
        status = output_write(job->output, r->out.data, r->out.length, error);
    }
    if (status == AKI_OK)
        status = skipped_texts_write(&job->skipped, error);
    if (status == AKI_OK) {
        r->next.bytes = output_bytes(job->output);
        r->next.skipped_bytes = skipped_texts_bytes(&job->skipped);
        job->saved = job->saved && memcmp(&job->state, &r->next, sizeof r->next) == 0;
        job->state = r->next;
    }
    return status != AKI_OK ? status : refused;
}

static void show_progress(run *r)
{
    const embed_job *job = r->job;
    progress_state state = {.label = "embed",
                            .unit = "texts",
                            .count = job->state.texts,
                            .started = job->continued_texts,
                            .done = job->state.input.offset,
                            .total = line_source_size(text_reader_source(job->reader)),
                            .done_at_start = r->bytes_at_start};
    progress_update(&r->bar, &state);
}

static aki_status finish_output(run *r, aki_error *error)
{
    const embed_job *job = r->job;
    buf_clear(&r->out);
    if (!vectors_begin(&r->out, job->format, job->state.written, job->dimension))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to write '%s'", output_name(job->output));
    if (r->out.length > 0) {
        aki_status status = output_patch(job->output, r->out.data, r->out.length, error);
        if (status != AKI_OK)
            return status;
    }
    /* The list first: a finished output without it could not be matched with its input. */
    aki_status status = skipped_texts_finish(&r->job->skipped, error);
    return status == AKI_OK ? output_finish(job->output, error) : status;
}

static aki_status work(run *r, aki_error *error)
{
    embed_job *job = r->job;
    r->bytes_at_start = job->state.input.offset;
    for (;;) {
        aki_error reason; /* of the end of reading; what was read before is written first */
        text_outcome outcome = read_batch(r, &reason);
        aki_status status = finish_batch(r, error);
        if (status != AKI_OK) {
            progress_clear(&r->bar);
            aki_error second; /* the first error is the one to report */
            aki_status saved = checkpoint(r, &second);
            (void)saved;
            return status;
        }
        bool last = outcome != TEXT_READ || stop_signal(job->stop) != 0;
        if (outcome != TEXT_END &&
            (last || r->saved_ns == 0 || clock_monotonic_ns() - r->saved_ns >= CHECKPOINT_NS))
            status = checkpoint(r, error);
        if (status != AKI_OK)
            return status;
        if (outcome == TEXT_END)
            return finish_output(r, error);
        if (outcome == TEXT_BAD || outcome == TEXT_FAILED) {
            if (error != NULL)
                *error = reason;
            return reason.status;
        }
        if (last)
            return error_set(error, AKI_CANCELLED, "stopped by a signal");
        show_progress(r);
    }
}

aki_status embed_job_run(embed_job *job, aki_error *error)
{
    run r = {.job = job, .may_lack_tokens = job->how.prompt.length == 0 && texts_may_lack_tokens(job->model)};
    size_t texts = option_size(job->options, OPTION_BATCH_TEXTS);
    if (texts == 0) {
        texts = (size_t)job->threads * AUTO_TEXTS_PER_THREAD;
        texts = texts < AUTO_LEAST_TEXTS  ? AUTO_LEAST_TEXTS
                : texts > AUTO_MOST_TEXTS ? AUTO_MOST_TEXTS
                                          : texts;
        texts = job->kind == VECTORS_TOKENS ? AUTO_TOKEN_TEXTS : texts;
    }
    size_t bytes = texts * BYTES_PER_TEXT < LEAST_BATCH_BYTES ? LEAST_BATCH_BYTES : texts * BYTES_PER_TEXT;
    size_t longest =
        2 * option_size(job->options, OPTION_MAX_LINE_BYTES) + 64; /* text and id; JSON may grow */
    int64_t start = clock_monotonic_ns();
    buf_init(&r.out, SIZE_MAX / 2);
    aki_status status = embed_batch_open(&r.batch, texts, bytes, longest, job->kind, job->dimension, error);
    if (status == AKI_OK)
        status = begin(&r, error);
    progress_begin(&r.bar, STDERR_FILENO);
    if (status == AKI_OK)
        status = work(&r, error);
    progress_clear(&r.bar);
    embed_batch_close(&r.batch);
    buf_free(&r.out);
    job->elapsed_ns = clock_monotonic_ns() - start;
    return status;
}

static void print_summary(const embed_job *job)
{
    char texts[40], rate[40], time[40];
    uint64_t fresh = job->state.texts - job->continued_texts;
    progress_write_count(job->state.written, texts, sizeof texts);
    progress_write_time(job->elapsed_ns, time, sizeof time);
    progress_write_count((uint64_t)((double)fresh * NS_PER_S / (double)(job->elapsed_ns + 1)), rate,
                         sizeof rate);
    message_note("%s vector%s written to %s in %s (%s texts/s)", texts, job->state.written == 1 ? "" : "s",
                 output_name(job->output), time, rate);
}

int embed_job_report(const embed_job *job, aki_status status, const aki_error *error)
{
    int signal_number = job->stop != NULL ? stop_signal(job->stop) : 0;
    if (status == AKI_OK) {
        skipped_texts_report(&job->skipped, &job->state.skipped, job->state.texts);
        text_input_report(job->state.texts, job->state.truncated, aki_max_tokens(job->model));
        if (isatty(STDERR_FILENO) || !output_is_stream(job->output))
            print_summary(job);
        return text_input_exit_code(job->options, &job->state.skipped);
    }
    if (status == AKI_CANCELLED && signal_number == 0)
        return EXIT_BROKEN_PIPE;
    if (status == AKI_CANCELLED)
        message_note("stopped by %s after %" PRIu64 " texts", signal_number == SIGINT ? "Ctrl-C" : "a signal",
                     job->state.texts);
    else
        message_error(error);
    if (job->resumable && job->saved && job->state.texts > 0)
        message_note("%" PRIu64 " texts are done and kept in %s.partial; the same command goes on from there",
                     job->state.texts, output_name(job->output));
    if (status == AKI_CANCELLED)
        return 128 + signal_number;
    return status == AKI_INVALID_ARGUMENT && job->model == NULL ? EXIT_USAGE : EXIT_FAILED;
}
