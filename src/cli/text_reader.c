#include "cli/text_reader.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "cli/csv_row.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text_reader {
    line_source *lines;
    text_format format;
    char *field, *wanted_column;
    size_t column; /* csv: index from 0 */
    csv_row row;
    char *id;     /* jsonl: of the last record */
    json_t *json; /* jsonl: the last record, which owns its text */
    line_position behind;
};

static aki_status set_too_long(const text_reader *reader, uint64_t line, aki_error *error)
{
    error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: longer than the %zu bytes allowed",
              line_source_name(reader->lines), (unsigned long long)line,
              line_source_max_line_bytes(reader->lines));
    error_hint(error, "Split the line, or allow more with --max-line-bytes.");
    return AKI_INVALID_ARGUMENT;
}

static text_outcome outcome_of(line_outcome outcome)
{
    return outcome == LINE_END ? TEXT_END : outcome == LINE_STOPPED ? TEXT_STOPPED : TEXT_FAILED;
}

/* ---- JSONL ---- */

static bool is_blank(const input_line *line)
{
    size_t i = 0;
    while (i < line->length && strchr(" \t\r", line->data[i]) != NULL && line->data[i] != '\0')
        i++;
    return i == line->length;
}

static text_outcome bad_field(text_reader *reader, const input_line *line, aki_error *error, const char *what)
{
    error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: %s", line_source_name(reader->lines),
              (unsigned long long)line->number, what);
    error_hint(
        error,
        "Each line is an object such as {\"%.40s\": \"...\"}; name another field with --field, or leave "
        "bad lines out with --on-error skip.",
        reader->field);
    return TEXT_BAD;
}

static text_outcome read_jsonl(text_reader *reader, const input_line *line, text_record *record,
                               aki_error *error)
{
    json_error_t reason;
    char what[300];
    free(reader->id);
    reader->id = NULL;
    json_decref(reader->json);
    reader->json = json_loadb(line->data, line->length,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &reason);
    if (reader->json == NULL) {
        snprintf(what, sizeof what, "not valid JSON at column %d: %s", reason.column, reason.text);
        return bad_field(reader, line, error, what);
    }
    if (!json_is_object(reader->json))
        return bad_field(reader, line, error, "not a JSON object");
    json_t *text = json_object_get(reader->json, reader->field);
    if (!json_is_string(text)) {
        snprintf(what, sizeof what, text == NULL ? "has no field \"%.100s\"" : "\"%.100s\" is not a string",
                 reader->field);
        return bad_field(reader, line, error, what);
    }
    record->text = json_string_value(text);
    record->length = json_string_length(text);
    json_t *id = json_object_get(reader->json, "id");
    if (id != NULL) {
        reader->id = json_dumps(id, JSON_COMPACT | JSON_ENCODE_ANY);
        if (reader->id == NULL) {
            error_set(error, AKI_OUT_OF_MEMORY, "no memory for an id");
            return TEXT_FAILED;
        }
        record->id = reader->id;
    }
    return TEXT_READ;
}

/* ---- CSV ---- */

/* Reads a row, over several lines where a quote is open. */
static text_outcome read_row(text_reader *reader, input_line *line, aki_error *error)
{
    line_outcome outcome = line_source_next(reader->lines, line, error);
    uint64_t first = line->number;
    csv_row_begin(&reader->row);
    while (outcome == LINE_READ) {
        csv_outcome added = csv_row_add(&reader->row, line->data, line->length, line->ending);
        if (added == CSV_COMPLETE) {
            line->number = first;
            return TEXT_READ;
        }
        if (added == CSV_BAD_QUOTE) {
            error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: text behind a closing quote",
                      line_source_name(reader->lines), (unsigned long long)line->number);
            error_hint(error, "A quote inside a quoted column is written twice (\"\").");
            line->number = first;
            return TEXT_BAD;
        }
        if (added == CSV_TOO_LONG) {
            error_set(error, AKI_INVALID_ARGUMENT,
                      "%s line %llu: the row that begins here is longer than the %zu bytes allowed",
                      line_source_name(reader->lines), (unsigned long long)first,
                      line_source_max_line_bytes(reader->lines));
            error_hint(error, "Is a closing quote missing? Longer rows are allowed with --max-line-bytes.");
            return TEXT_FAILED;
        }
        outcome = line_source_next(reader->lines, line, error);
        if (outcome == LINE_END) {
            error_set(error, AKI_INVALID_ARGUMENT,
                      "%s line %llu: the quote opened in this row is never closed",
                      line_source_name(reader->lines), (unsigned long long)first);
            error_hint(error, "Close the quote; a quote inside a quoted column is written twice (\"\").");
            line->number = first;
            return TEXT_BAD;
        }
    }
    if (outcome == LINE_TOO_LONG) {
        set_too_long(reader, line->number, error);
        /* Inside an open quote nobody can tell where the next row begins. */
        return reader->row.state == CSV_QUOTED ? TEXT_FAILED : TEXT_BAD;
    }
    return outcome_of(outcome);
}

static text_outcome read_csv(text_reader *reader, input_line *line, text_record *record, aki_error *error)
{
    text_outcome outcome;
    do { /* rows that are empty lines are no rows */
        outcome = read_row(reader, line, error);
    } while (outcome == TEXT_READ && csv_row_line_is_empty(&reader->row));
    if (outcome != TEXT_READ)
        return outcome;
    if (reader->column >= csv_row_columns(&reader->row)) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: has %zu column%s, the text is in column %zu",
                  line_source_name(reader->lines), (unsigned long long)line->number,
                  csv_row_columns(&reader->row), csv_row_columns(&reader->row) == 1 ? "" : "s",
                  reader->column + 1);
        error_hint(error, "Complete the row, or leave bad rows out with --on-error skip.");
        return TEXT_BAD;
    }
    record->text = csv_row_column(&reader->row, reader->column, &record->length);
    return TEXT_READ;
}

/* "1 id, 2 title, 3 body" for messages. */
static void list_columns(const csv_row *row, char *out, size_t room)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < csv_row_columns(row) && used + 1 < room; i++) {
        size_t length;
        const char *name = csv_row_column(row, i, &length);
        int more = snprintf(out + used, room - used, "%s%zu %.*s", i > 0 ? ", " : "", i + 1,
                            (int)(length < 40 ? length : 40), name);
        used += more > 0 ? (size_t)more : 0;
    }
}

static bool column_by_name(const csv_row *row, const char *name, size_t *column)
{
    for (size_t i = 0; i < csv_row_columns(row); i++) {
        size_t length;
        const char *found = csv_row_column(row, i, &length);
        if (length == strlen(name) && memcmp(found, name, length) == 0) {
            *column = i;
            return true;
        }
    }
    return false;
}

static bool column_by_number(const char *text, size_t *column)
{
    char *end;
    unsigned long number = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;
    if (number == 0 || number > CSV_MAX_COLUMNS || *end != '\0')
        return false;
    *column = number - 1;
    return true;
}

static aki_status choose_column(text_reader *reader, aki_error *error)
{
    const csv_row *row = &reader->row;
    const char *wanted = reader->wanted_column;
    if (wanted == NULL) {
        if (csv_row_columns(row) == 1) {
            reader->column = 0;
            return AKI_OK;
        }
        wanted = "text";
    }
    if (column_by_name(row, wanted, &reader->column))
        return AKI_OK;
    if (column_by_number(wanted, &reader->column) && reader->column < csv_row_columns(row))
        return AKI_OK;
    char names[250];
    list_columns(row, names, sizeof names);
    error_set(error, AKI_INVALID_ARGUMENT, "%s: no column '%.100s'; the columns are %s",
              line_source_name(reader->lines), wanted, names);
    error_hint(
        error,
        "Choose one with --column NAME or --column NUMBER; --no-header where the first row holds texts.");
    return AKI_INVALID_ARGUMENT;
}

static aki_status read_header(text_reader *reader, aki_error *error)
{
    input_line line = {.number = 0};
    switch (read_row(reader, &line, error)) {
    case TEXT_READ:
        return choose_column(reader, error);
    case TEXT_END:
        error_set(error, AKI_INVALID_ARGUMENT, "%s: is empty, so it has no row with the names of columns",
                  line_source_name(reader->lines));
        error_hint(error, "Add a header row, or pass --no-header.");
        return AKI_INVALID_ARGUMENT;
    case TEXT_STOPPED:
        return error_set(error, AKI_CANCELLED, "stopped by a signal");
    default:
        return error != NULL ? error->status : AKI_IO_ERROR;
    }
}

static aki_status prepare_csv(text_reader *reader, const text_reader_settings *settings, aki_error *error)
{
    csv_row_init(&reader->row, settings->delimiter, settings->max_line_bytes);
    if (settings->header)
        return read_header(reader, error);
    if (settings->column != NULL && !column_by_number(settings->column, &reader->column)) {
        error_set(error, AKI_INVALID_ARGUMENT, "without a header row --column must be a number, not '%.100s'",
                  settings->column);
        error_hint(error, "Count the columns from 1, or leave --no-header out.");
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}

/* ---- All formats ---- */

aki_status text_reader_open(text_reader **out, const text_reader_settings *settings, aki_error *error)
{
    *out = NULL;
    text_reader *reader = mem_zalloc(1, sizeof *reader);
    if (reader == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read texts");
    reader->format = settings->format;
    reader->field = mem_copy_string(settings->field != NULL ? settings->field : "text");
    reader->wanted_column = settings->column != NULL ? mem_copy_string(settings->column) : NULL;
    aki_status status = AKI_OK;
    if (reader->field == NULL || (settings->column != NULL && reader->wanted_column == NULL))
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to read texts");
    if (status == AKI_OK)
        status = line_source_open(&reader->lines, settings->path, settings->max_line_bytes,
                                  settings->stop_descriptor, error);
    if (status == AKI_OK && reader->format == TEXT_CSV)
        status = prepare_csv(reader, settings, error);
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
    line_source_close(reader->lines);
    csv_row_free(&reader->row);
    json_decref(reader->json);
    free(reader->id);
    mem_free(reader->field);
    mem_free(reader->wanted_column);
    mem_free(reader);
}

static text_outcome read_record(text_reader *reader, input_line *line, text_record *record, aki_error *error)
{
    if (reader->format == TEXT_CSV)
        return read_csv(reader, line, record, error);
    line_outcome outcome;
    do {
        outcome = line_source_next(reader->lines, line, error);
    } while (outcome == LINE_READ && reader->format == TEXT_JSONL && is_blank(line));
    if (outcome == LINE_TOO_LONG) {
        set_too_long(reader, line->number, error);
        return TEXT_BAD;
    }
    if (outcome != LINE_READ)
        return outcome_of(outcome);
    if (reader->format == TEXT_JSONL)
        return read_jsonl(reader, line, record, error);
    record->text = line->data;
    record->length = line->length;
    return TEXT_READ;
}

text_outcome text_reader_next(text_reader *reader, text_record *record, aki_error *error)
{
    input_line line = {.number = 0};
    *record = (text_record){.text = NULL};
    text_outcome outcome = read_record(reader, &line, record, error);
    if (outcome != TEXT_READ && outcome != TEXT_BAD)
        return outcome;
    reader->behind = line_source_position(reader->lines);
    record->line = line.number;
    size_t bad;
    if (outcome == TEXT_READ && record->length == 0) {
        error_set(error, AKI_EMPTY_TEXT, "%s line %llu: the text is empty", line_source_name(reader->lines),
                  (unsigned long long)line.number);
        error_hint(error, "Remove it, or leave empty texts out with --skip-empty.");
        outcome = TEXT_BAD;
    } else if (outcome == TEXT_READ && !utf8_valid(record->text, record->length, &bad)) {
        error_set(error, AKI_INVALID_UTF8, "%s line %llu: byte %zu of the text (0x%02X) is not valid UTF-8",
                  line_source_name(reader->lines), (unsigned long long)line.number, bad + 1,
                  (unsigned char)record->text[bad]);
        error_hint(
            error,
            "Convert the file, for instance with `iconv -f latin1 -t utf-8`, or leave such texts out with "
            "--on-error skip.");
        outcome = TEXT_BAD;
    }
    return outcome;
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
