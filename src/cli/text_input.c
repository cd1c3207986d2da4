#include "cli/text_input.h"

#include "base/error.h"
#include "cli/message.h"
#include "cli/progress.h"

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

aki_status text_input_open(text_reader **out, const options *o, const stop *s, aki_error *error)
{
    static const text_format formats[] = {TEXT_LINES, TEXT_LINES, TEXT_JSONL, TEXT_CSV};
    static const char delimiters[] = {',', ',', ';', '\t', '|'};
    const char *path = option_text(o, OPTION_INPUT);
    int64_t format = option_number(o, OPTION_INPUT_FORMAT), delimiter = option_number(o, OPTION_DELIMITER);
    text_reader_settings settings = {
        .path = path,
        .format = format == 0 ? text_format_of(path) : formats[format],
        .field = option_text(o, OPTION_FIELD),
        .column = option_text(o, OPTION_COLUMN),
        .delimiter = delimiter == 0 && ends_in(path, ".tsv") ? '\t' : delimiters[delimiter],
        .header = option_on(o, OPTION_HEADER),
        .max_line_bytes = option_size(o, OPTION_MAX_LINE_BYTES),
        .stop_descriptor = s != NULL ? stop_descriptor(s) : -1,
    };
    if (settings.format != TEXT_CSV && o->values[OPTION_COLUMN].source == OPTION_FROM_FLAG) {
        error_set(error, AKI_INVALID_ARGUMENT, "--column is for CSV, and this input is not read as CSV");
        error_hint(error, "Add --input-format csv.");
        return AKI_INVALID_ARGUMENT;
    }
    if (settings.format != TEXT_JSONL && o->values[OPTION_FIELD].source == OPTION_FROM_FLAG) {
        error_set(error, AKI_INVALID_ARGUMENT, "--field is for JSONL, and this input is not read as JSONL");
        error_hint(error, "Add --input-format jsonl.");
        return AKI_INVALID_ARGUMENT;
    }
    if (strcmp(path, "-") == 0 && isatty(STDIN_FILENO))
        message_note("reading texts from the terminal, one per line; end with Ctrl-D");
    return text_reader_open(out, &settings, error);
}

bool text_input_skips(const options *o, const aki_error *bad)
{
    return option_number(o, OPTION_ON_ERROR) == 1 ||
           (bad->status == AKI_EMPTY_TEXT && option_on(o, OPTION_SKIP_EMPTY));
}

void text_input_report(uint64_t texts, uint64_t skipped, uint64_t truncated, size_t max_tokens)
{
    char all[40], some[40];
    progress_write_count(texts, all, sizeof all);
    progress_write_count(skipped, some, sizeof some);
    if (skipped > 0)
        message_note("%s of %s texts could not be used and were left out", some, all);
    progress_write_count(truncated, some, sizeof some);
    if (truncated > 0)
        message_note("%s of %s texts had more than %zu tokens and were cut", some, all, max_tokens);
}
