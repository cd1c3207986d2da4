#include "cli/bulk/text_input.h"

#include "base/error.h"
#include "cli/bulk/csv_texts.h"
#include "cli/message.h"
#include "cli/options/commands.h"
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool ends_in(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcasecmp(path + length - tail, ending) == 0;
}

text_format text_format_of(const char *path)
{
    if (ends_in(path, ".jsonl") || ends_in(path, ".ndjson") || ends_in(path, ".json"))
        return TEXT_JSONL;
    return ends_in(path, ".csv") || ends_in(path, ".tsv") ? TEXT_CSV : TEXT_LINES;
}

static text_format format_of(const options *o)
{
    static const text_format formats[] = {TEXT_LINES, TEXT_LINES, TEXT_JSONL, TEXT_CSV};
    int64_t format = option_number(o, OPTION_INPUT_FORMAT);
    return format == 0 ? text_format_of(option_text(o, OPTION_INPUT)) : formats[format];
}

static aki_status check_options(const options *o, text_format format, aki_error *error)
{
    if (format != TEXT_CSV && o->values[OPTION_COLUMN].source == OPTION_FROM_FLAG) {
        error_set(error, AKI_INVALID_ARGUMENT, "--column is for CSV, and this input is not read as CSV");
        error_hint(error, "Add --input-format csv.");
        return AKI_INVALID_ARGUMENT;
    }
    if (format != TEXT_JSONL && o->values[OPTION_FIELD].source == OPTION_FROM_FLAG) {
        error_set(error, AKI_INVALID_ARGUMENT, "--field is for JSONL, and this input is not read as JSONL");
        error_hint(error, "Add --input-format jsonl.");
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}

aki_status text_input_open(text_reader **out, const options *o, const stop *s, aki_error *error)
{
    static const char delimiters[] = {'\0', ',', ';', '\t', '|'};
    const char *path = option_text(o, OPTION_INPUT);
    text_reader_settings settings = {
        .path = path,
        .format = format_of(o),
        .field = option_text(o, OPTION_FIELD),
        .csv = {.column = option_text(o, OPTION_COLUMN),
                .delimiter = delimiters[option_number(o, OPTION_DELIMITER)],
                .usual_delimiter = ends_in(path, ".tsv") ? '\t' : ',',
                .header = option_on(o, OPTION_HEADER)},
        .max_line_bytes = option_size(o, OPTION_MAX_LINE_BYTES),
        .stop_descriptor = s != NULL ? stop_descriptor(s) : -1,
    };
    *out = NULL;
    aki_status status = check_options(o, settings.format, error);
    if (status != AKI_OK)
        return status;
    if (strcmp(path, "-") == 0 && isatty(STDIN_FILENO))
        message_note("reading texts from the terminal, one per line; end with Ctrl-D");
    status = text_reader_open(out, &settings, error);
    if (status != AKI_OK || settings.format != TEXT_CSV || settings.csv.delimiter != '\0')
        return status;
    char delimiter = text_reader_delimiter(*out);
    if (delimiter != settings.csv.usual_delimiter)
        message_note("by its first row, the columns of %s are separated by %s; --delimiter says otherwise",
                     line_source_name(text_reader_source(*out)), csv_delimiter_name(delimiter));
    return AKI_OK;
}

void text_input_describe(const options *o, const text_reader *reader, char *out, size_t room)
{
    const char *column = option_text(o, OPTION_COLUMN);
    switch (format_of(o)) {
    case TEXT_LINES:
        snprintf(out, room, "lines");
        break;
    case TEXT_JSONL:
        snprintf(out, room, "jsonl field=%s", option_text(o, OPTION_FIELD));
        break;
    case TEXT_CSV:
        snprintf(out, room, "csv column=%s delimiter=%s header=%s", column != NULL ? column : "",
                 csv_delimiter_name(text_reader_delimiter(reader)),
                 option_on(o, OPTION_HEADER) ? "yes" : "no");
        break;
    }
}

bool text_input_skips_unusable(const options *o)
{
    return option_number(o, OPTION_ON_ERROR) == 1;
}

bool text_input_skips(const options *o, const aki_error *bad)
{
    return text_input_skips_unusable(o) || (bad->status == AKI_EMPTY_TEXT && option_on(o, OPTION_SKIP_EMPTY));
}

static aki_status check_list(const char *path, const output_file *output, aki_error *error)
{
    if (strcmp(path, "-") == 0) {
        error_set(error, AKI_INVALID_ARGUMENT, "--skipped must name a file: stdout is for what is computed");
        error_hint(error, "Name a file, or /dev/stderr.");
        return AKI_INVALID_ARGUMENT;
    }
    if (!output_is_stream(output) && strcmp(path, output_name(output)) == 0) {
        error_set(error, AKI_INVALID_ARGUMENT, "--output and --skipped are the same file");
        error_hint(error, "Name another --skipped, or leave it out.");
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}

aki_status text_input_list_path(const options *o, const output_file *output, char **path, aki_error *error)
{
    const char *wanted = option_text(o, OPTION_SKIPPED);
    *path = NULL;
    if (wanted == NULL && output_is_stream(output))
        return AKI_OK;
    aki_status status = wanted != NULL ? check_list(wanted, output, error) : AKI_OK;
    if (status != AKI_OK)
        return status;
    buf name;
    size_t length;
    buf_init(&name, SIZE_MAX / 2);
    buf_append_string(&name, wanted != NULL ? wanted : output_name(output));
    if (wanted == NULL)
        buf_append_string(&name, ".skipped.jsonl");
    *path = buf_take(&name, &length);
    buf_free(&name);
    return *path != NULL ? AKI_OK : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the name of a file");
}

void text_input_report(uint64_t texts, uint64_t truncated, size_t max_tokens)
{
    char all[40], some[40];
    progress_write_count(texts, all, sizeof all);
    progress_write_count(truncated, some, sizeof some);
    if (truncated > 0)
        message_note("%s of %s texts had more than %zu tokens and were cut", some, all, max_tokens);
}

int text_input_exit_code(const options *o, const skipped_counts *skipped)
{
    uint64_t expected = option_on(o, OPTION_SKIP_EMPTY) ? skipped->empty : 0;
    return skipped_total(skipped) > expected ? EXIT_SKIPPED : EXIT_DONE;
}
