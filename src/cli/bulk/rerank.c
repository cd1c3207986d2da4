/* akidb-embed rerank: texts in the order in which they answer a query, one JSON object each.
 *
 * The texts are read and scored a batch at a time. Of a batch only those are kept that are among the best --top-n so far. */
#include "cli/options/commands.h"

#include "api/float_text.h"
#include "base/error.h"
#include "base/json_text.h"
#include "base/memory.h"
#include "cli/bulk/output_file.h"
#include "cli/bulk/text_input.h"
#include "cli/message.h"
#include "cli/model_source.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_TEXTS ((size_t)256)

typedef struct candidate {
    char *text, *id; /* id: JSON, or NULL */
    size_t length;
    uint64_t index, line; /* of the text in the input, and where it begins */
    float score;
} candidate;

typedef struct rerank_job {
    const options *options;
    stop *stop;
    text_reader *reader;
    aki_model *model;
    output_file *output;
    candidate *items; /* [count] of [room]: the kept ones, then the batch */
    size_t count, room, kept;
    uint64_t texts, truncated;
    skipped_texts skipped;
    skipped_counts counts;
} rerank_job;

static void drop(rerank_job *job, size_t from)
{
    for (size_t i = from; i < job->count; i++) {
        mem_free(job->items[i].text);
        mem_free(job->items[i].id);
    }
    job->count = from;
}

static aki_status add(rerank_job *job, const text_record *record, aki_error *error)
{
    if (job->count == job->room) {
        const size_t room = job->room + BATCH_TEXTS + job->room / 2;
        candidate *items = mem_realloc(job->items, room, sizeof *items);
        if (items == NULL)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory for %zu texts", room);
        job->items = items;
        job->room = room;
    }
    candidate *c = &job->items[job->count];
    *c = (candidate){.text = mem_copy_text(record->text, record->length),
                     .id = record->id != NULL ? mem_copy_string(record->id) : NULL,
                     .length = record->length,
                     .index = job->texts++,
                     .line = record->line};
    job->count++;
    return c->text != NULL && (record->id == NULL || c->id != NULL)
               ? AKI_OK
               : error_set(error, AKI_OUT_OF_MEMORY, "no memory for a text of %zu bytes", record->length);
}

static aki_status skip(rerank_job *job, const text_record *record, const aki_error *why, aki_error *error)
{
    aki_status status =
        skipped_texts_add(&job->skipped, &job->counts, job->texts++, record->line, why, error);
    return status == AKI_OK ? skipped_texts_write(&job->skipped, error) : status;
}

/* Adds texts behind the kept ones. *ended: there are no more. */
static aki_status read_batch(rerank_job *job, bool *ended, aki_error *error)
{
    while (job->count < job->kept + BATCH_TEXTS) {
        aki_error reason;
        text_record record;
        aki_status status = AKI_OK;
        const text_outcome outcome =
            stop_signal(job->stop) != 0 ? TEXT_STOPPED : text_reader_next(job->reader, &record, &reason);
        if (outcome == TEXT_READ)
            status = add(job, &record, error);
        else if (outcome == TEXT_BAD && text_input_skips(job->options, &reason))
            status = skip(job, &record, &reason, error);
        else if (outcome == TEXT_END)
            *ended = true;
        else if (outcome == TEXT_STOPPED)
            status = error_set(error, AKI_CANCELLED, "stopped by a signal");
        else {
            if (error != NULL)
                *error = reason;
            return reason.status;
        }
        if (status != AKI_OK || *ended)
            return status;
    }
    return AKI_OK;
}

static int compare(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* An error of a text names its line. */
static aki_status place_error(const rerank_job *job, aki_error *error)
{
    if (error->text_index == AKI_NO_INDEX || job->kept + error->text_index >= job->count)
        return error->status;
    const aki_error own = *error;
    error_set(error, own.status, "%s line %" PRIu64 ": %s", line_source_name(text_reader_source(job->reader)),
              job->items[job->kept + own.text_index].line, own.message);
    return own.status;
}

static aki_status score_batch(rerank_job *job, aki_error *error)
{
    static const aki_scores forms[] = {AKI_SCORES_MODEL, AKI_SCORES_RAW, AKI_SCORES_PROBABILITY};
    const options *o = job->options;
    aki_score_options how = {.scores = forms[option_number(o, OPTION_SCORES)],
                             .refuse_long = !option_on(o, OPTION_TRUNCATE)};
    const char *query = option_text(o, OPTION_QUERY), *instruction = option_text(o, OPTION_INSTRUCTION);
    if (instruction != NULL)
        how.instruction = (aki_text){instruction, strlen(instruction)};
    const size_t count = job->count - job->kept, top = option_size(o, OPTION_TOP_N);
    aki_text texts[BATCH_TEXTS];
    float scores[BATCH_TEXTS];
    aki_text_info info[BATCH_TEXTS];
    for (size_t i = 0; i < count; i++)
        texts[i] = (aki_text){job->items[job->kept + i].text, job->items[job->kept + i].length};
    if (count > 0 && aki_rerank(job->model, (aki_text){query, strlen(query)}, texts, count, &how, scores,
                                NULL, info, error) != AKI_OK)
        return place_error(job, error);
    for (size_t i = 0; i < count; i++) {
        job->items[job->kept + i].score = scores[i];
        job->truncated += info[i].truncated;
    }
    if (job->count > 0)
        qsort(job->items, job->count, sizeof *job->items, compare);
    if (top > 0 && job->count > top)
        drop(job, top);
    job->kept = job->count;
    return AKI_OK;
}

static aki_status write_all(rerank_job *job, aki_error *error)
{
    aki_status status = AKI_OK;
    buf out;
    buf_init(&out, SIZE_MAX / 2);
    for (size_t i = 0; i < job->count && status == AKI_OK; i++) {
        const candidate *c = &job->items[i];
        char score[FLOAT_TEXT_MAX];
        buf_clear(&out);
        buf_printf(&out, "{\"index\":%" PRIu64, c->index);
        if (c->id != NULL) {
            buf_append_string(&out, ",\"id\":");
            buf_append_string(&out, c->id);
        }
        buf_append_string(&out, ",\"score\":");
        buf_append(&out, score, float_text_write(c->score, score));
        buf_append_string(&out, ",\"text\":");
        json_text_append(&out, c->text, c->length);
        buf_append_string(&out, "}\n");
        status = out.failed ? error_set(error, AKI_OUT_OF_MEMORY, "no memory for a text of the output")
                            : output_write(job->output, out.data, out.length, error);
    }
    buf_free(&out);
    return status;
}

static aki_status open_list(rerank_job *job, aki_error *error)
{
    char *path = NULL;
    aki_status status = text_input_list_path(job->options, job->output, &path, error);
    if (status == AKI_OK)
        status = skipped_texts_open(&job->skipped, path, true, stop_descriptor(job->stop), error);
    mem_free(path);
    return status == AKI_OK ? skipped_texts_continue(&job->skipped, 0, error) : status;
}

static aki_status check_options(const options *o, aki_error *error)
{
    const char *query = option_text(o, OPTION_QUERY);
    if (query != NULL && query[0] != '\0')
        return AKI_OK;
    error_set(error, AKI_INVALID_ARGUMENT, "there is no query");
    error_hint(error, "Say what the texts are to answer: --query 'how do cats purr'.");
    return AKI_INVALID_ARGUMENT;
}

static aki_status check_model(const aki_model *model, aki_error *error)
{
    if (aki_model_task(model) == AKI_TASK_CLASSIFY && aki_dimension(model) == 1)
        return AKI_OK;
    error_set(error, AKI_WRONG_TASK, "the model is not a reranker but %s",
              aki_model_task(model) == AKI_TASK_CLASSIFY ? "a classifier with several labels"
              : aki_model_task(model) == AKI_TASK_SPARSE ? "a sparse one"
                                                         : "an embedding model");
    error_hint(error, "Name a cross-encoder with --model, such as cross-encoder/ms-marco-MiniLM-L6-v2.");
    return AKI_WRONG_TASK;
}

static aki_status prepare(rerank_job *job, aki_error *error)
{
    const options *o = job->options;
    char *folder = NULL;
    aki_status status = check_options(o, error);
    if (status == AKI_OK)
        status = text_input_open(&job->reader, o, job->stop, error);
    if (status == AKI_OK)
        status = output_open(&job->output, "-", stop_descriptor(job->stop), error);
    if (status == AKI_OK)
        status = open_list(job, error);
    if (status == AKI_OK)
        status = model_locate(o, option_text(o, OPTION_MODEL), false, job->stop, message_log_sink(), &folder,
                              error);
    if (status == AKI_OK) {
        const aki_settings settings = model_open_settings(o, message_log_sink());
        status = aki_open(&job->model, folder, &settings, error);
    }
    mem_free(folder);
    return status == AKI_OK ? check_model(job->model, error) : status;
}

static aki_status rank_all(rerank_job *job, aki_error *error)
{
    bool ended = false;
    aki_status status = AKI_OK;
    while (!ended && status == AKI_OK) {
        status = read_batch(job, &ended, error);
        if (status == AKI_OK)
            status = score_batch(job, error);
    }
    if (status == AKI_OK)
        status = skipped_texts_finish(&job->skipped, error);
    return status == AKI_OK ? write_all(job, error) : status;
}

static int report(const rerank_job *job, aki_status status, const aki_error *error)
{
    const int signal_number = job->stop != NULL ? stop_signal(job->stop) : 0;
    if (status == AKI_OK) {
        skipped_texts_report(&job->skipped, &job->counts, job->texts);
        text_input_report(job->texts, job->truncated, aki_max_tokens(job->model));
        return text_input_exit_code(job->options, &job->counts);
    }
    if (status == AKI_CANCELLED)
        return 128 + (signal_number != 0 ? signal_number : SIGPIPE);
    message_error(error);
    return status == AKI_INVALID_ARGUMENT && job->model == NULL ? EXIT_USAGE : EXIT_FAILED;
}

int command_rerank(const options *o)
{
    aki_error error;
    rerank_job job = {.options = o};
    aki_status status = stop_open(&job.stop, 0, &error);
    if (status == AKI_OK)
        status = prepare(&job, &error);
    if (status == AKI_OK)
        status = rank_all(&job, &error);
    const int code = report(&job, status, &error);
    drop(&job, 0);
    mem_free(job.items);
    aki_close(&job.model);
    text_reader_close(job.reader);
    output_close(job.output);
    skipped_texts_close(&job.skipped);
    stop_close(job.stop);
    return code;
}
