#include "cli/bulk/text_reader.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/bulk/jsonl_texts.h"

#include <string.h>

struct text_reader {
    line_source *lines;
    csv_texts *csv;     /* NULL for another format */
    jsonl_texts *jsonl; /* likewise */
    line_position behind;
};

aki_status text_reader_open(text_reader **out, const text_reader_settings *settings, aki_error *error)
{
    *out = NULL;
    text_reader *reader = mem_zalloc(1, sizeof *reader);
    if (reader == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read texts");
    aki_status status = line_source_open(&reader->lines, settings->path, settings->max_line_bytes,
                                         settings->stop_descriptor, error);
    if (status == AKI_OK && settings->format == TEXT_CSV)
        status = csv_texts_open(&reader->csv, reader->lines, &settings->csv, error);
    if (status == AKI_OK && settings->format == TEXT_JSONL)
        status = jsonl_texts_open(&reader->jsonl, reader->lines, settings->field, error);
    if (status != AKI_OK) {
        text_reader_close(reader);
        return status;
    }
    reader->behind = line_source_position(reader->lines);
    *out = reader;
    return AKI_OK;
}

void text_reader_close(text_reader *reader)
{
    if (reader == NULL)
        return;
    csv_texts_close(reader->csv);
    jsonl_texts_close(reader->jsonl);
    line_source_close(reader->lines);
    mem_free(reader);
}

/* Refuses a file with line ends of CR alone (classic Mac OS): it would be read as one line, and become one vector. */
static bool ends_lines_at_cr(const input_line *line)
{
    return line->number == 1 && line->ending == 0 && memchr(line->data, '\r', line->length) != NULL;
}

static text_outcome read_line(text_reader *reader, text_record *record, aki_error *error)
{
    input_line line = {.number = 0};
    line_outcome outcome = line_source_next(reader->lines, &line, error);
    record->line = line.number;
    if (outcome == LINE_TOO_LONG)
        text_set_too_long(reader->lines, line.number, error);
    if (outcome == LINE_READ && ends_lines_at_cr(&line)) {
        error_set(error, AKI_INVALID_ARGUMENT,
                  "%s has CR as its only line end, and a line ends at LF or CR LF",
                  line_source_name(reader->lines));
        error_hint(error, "Convert it: tr '\\r' '\\n' < FILE");
        return TEXT_FAILED;
    }
    if (outcome == LINE_READ) {
        record->text = line.data;
        record->length = line.length;
    }
    return text_outcome_of(outcome);
}

/* Refuses a text that `tokenizers` would refuse too. */
static text_outcome check_text(const text_reader *reader, const text_record *record, aki_error *error)
{
    size_t bad;
    if (record->length == 0) {
        error_set(error, AKI_EMPTY_TEXT, "%s line %llu: the text is empty", line_source_name(reader->lines),
                  (unsigned long long)record->line);
        error_hint(error, "Remove it, or leave empty texts out with --skip-empty.");
        return TEXT_BAD;
    }
    if (!utf8_valid(record->text, record->length, &bad)) {
        error_set(error, AKI_INVALID_UTF8, "%s line %llu: byte %zu of the text (0x%02X) is not valid UTF-8",
                  line_source_name(reader->lines), (unsigned long long)record->line, bad + 1,
                  (unsigned char)record->text[bad]);
        error_hint(error,
                   "Convert the file, for instance with `iconv -f latin1 -t utf-8`, or leave such texts out "
                   "with --on-error skip.");
        return TEXT_BAD;
    }
    return TEXT_READ;
}

text_outcome text_reader_next(text_reader *reader, text_record *record, aki_error *error)
{
    text_outcome outcome;
    *record = (text_record){.text = NULL};
    if (reader->csv != NULL)
        outcome = csv_texts_next(reader->csv, record, error);
    else if (reader->jsonl != NULL)
        outcome = jsonl_texts_next(reader->jsonl, record, error);
    else
        outcome = read_line(reader, record, error);
    if (outcome == TEXT_READ || outcome == TEXT_BAD)
        reader->behind = line_source_position(reader->lines);
    return outcome == TEXT_READ ? check_text(reader, record, error) : outcome;
}

line_position text_reader_position(const text_reader *reader)
{
    return reader->behind;
}

aki_status text_reader_seek(text_reader *reader, line_position position, aki_error *error)
{
    aki_status status = line_source_seek(reader->lines, position, error);
    if (status == AKI_OK)
        reader->behind = position;
    return status;
}

const line_source *text_reader_source(const text_reader *reader)
{
    return reader->lines;
}

char text_reader_delimiter(const text_reader *reader)
{
    return reader->csv != NULL ? csv_texts_delimiter(reader->csv) : '\0';
}
