#include "cli/csv_texts.h"

#include "base/error.h"
#include "base/memory.h"
#include "cli/csv_row.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct csv_texts {
    line_source *lines;
    size_t column; /* from 0 */
    csv_row row;
};

/* Reads a row, over several lines where a quote is open. */
static text_outcome read_row(csv_texts *csv, input_line *line, aki_error *error)
{
    line_outcome outcome = line_source_next(csv->lines, line, error);
    uint64_t first = line->number;
    csv_row_begin(&csv->row);
    while (outcome == LINE_READ) {
        csv_outcome added = csv_row_add(&csv->row, line->data, line->length, line->ending);
        if (added == CSV_COMPLETE) {
            line->number = first;
            return TEXT_READ;
        }
        if (added == CSV_BAD_QUOTE) {
            error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: text behind a closing quote",
                      line_source_name(csv->lines), (unsigned long long)line->number);
            error_hint(error, "A quote inside a quoted column is written twice (\"\").");
            line->number = first;
            return TEXT_BAD;
        }
        if (added == CSV_TOO_LONG) {
            error_set(error, AKI_INVALID_ARGUMENT,
                      "%s line %llu: the row that begins here is longer than the %zu bytes allowed",
                      line_source_name(csv->lines), (unsigned long long)first,
                      line_source_max_line_bytes(csv->lines));
            error_hint(error, "Is a closing quote missing? Longer rows are allowed with --max-line-bytes.");
            return TEXT_FAILED;
        }
        outcome = line_source_next(csv->lines, line, error);
        if (outcome == LINE_END) {
            error_set(error, AKI_INVALID_ARGUMENT,
                      "%s line %llu: the quote opened in this row is never closed",
                      line_source_name(csv->lines), (unsigned long long)first);
            error_hint(error, "Close the quote; a quote inside a quoted column is written twice (\"\").");
            return TEXT_FAILED; /* not one bad row: everything behind the quote was swallowed */
        }
    }
    if (outcome == LINE_TOO_LONG) {
        text_set_too_long(csv->lines, line->number, error);
        /* Inside an open quote nobody can tell where the next row begins. */
        return csv->row.state == CSV_QUOTED ? TEXT_FAILED : TEXT_BAD;
    }
    return text_outcome_of(outcome);
}

text_outcome csv_texts_next(csv_texts *csv, text_record *record, aki_error *error)
{
    text_outcome outcome;
    input_line line = {.number = 0};
    do { /* rows that are empty lines are no rows */
        outcome = read_row(csv, &line, error);
    } while (outcome == TEXT_READ && csv_row_line_is_empty(&csv->row));
    record->line = line.number;
    if (outcome != TEXT_READ)
        return outcome;
    if (csv->column >= csv_row_columns(&csv->row)) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: has %zu column%s, the text is in column %zu",
                  line_source_name(csv->lines), (unsigned long long)line.number, csv_row_columns(&csv->row),
                  csv_row_columns(&csv->row) == 1 ? "" : "s", csv->column + 1);
        error_hint(error, "Complete the row, or leave bad rows out with --on-error skip.");
        return TEXT_BAD;
    }
    record->text = csv_row_column(&csv->row, csv->column, &record->length);
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

static aki_status choose_column(csv_texts *csv, const char *wanted, aki_error *error)
{
    const csv_row *row = &csv->row;
    if (wanted == NULL) {
        if (csv_row_columns(row) == 1) {
            csv->column = 0;
            return AKI_OK;
        }
        wanted = "text";
    }
    if (column_by_name(row, wanted, &csv->column))
        return AKI_OK;
    if (column_by_number(wanted, &csv->column) && csv->column < csv_row_columns(row))
        return AKI_OK;
    char names[250];
    list_columns(row, names, sizeof names);
    error_set(error, AKI_INVALID_ARGUMENT, "%s: no column '%.100s'; the columns are %s",
              line_source_name(csv->lines), wanted, names);
    error_hint(
        error,
        "Choose one with --column NAME or --column NUMBER; --no-header where the first row holds texts.");
    return AKI_INVALID_ARGUMENT;
}

static aki_status read_header(csv_texts *csv, const char *column, aki_error *error)
{
    input_line line = {.number = 0};
    switch (read_row(csv, &line, error)) {
    case TEXT_READ:
        return choose_column(csv, column, error);
    case TEXT_END:
        error_set(error, AKI_INVALID_ARGUMENT, "%s: is empty, so it has no row with the names of columns",
                  line_source_name(csv->lines));
        error_hint(error, "Add a header row, or pass --no-header.");
        return AKI_INVALID_ARGUMENT;
    case TEXT_STOPPED:
        return error_set(error, AKI_CANCELLED, "stopped by a signal");
    default:
        return error != NULL ? error->status : AKI_IO_ERROR;
    }
}

aki_status csv_texts_open(csv_texts **out, line_source *lines, const char *column, char delimiter,
                          bool header, aki_error *error)
{
    *out = NULL;
    csv_texts *csv = mem_zalloc(1, sizeof *csv);
    if (csv == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read texts");
    csv->lines = lines;
    csv_row_init(&csv->row, delimiter, line_source_max_line_bytes(lines));
    aki_status status = AKI_OK;
    if (header) {
        status = read_header(csv, column, error);
    } else if (column != NULL && !column_by_number(column, &csv->column)) {
        status = error_set(error, AKI_INVALID_ARGUMENT,
                           "without a header row --column must be a number, not '%.100s'", column);
        error_hint(error, "Count the columns from 1, or leave --no-header out.");
    }
    if (status != AKI_OK) {
        csv_texts_close(csv);
        return status;
    }
    *out = csv;
    return AKI_OK;
}

void csv_texts_close(csv_texts *csv)
{
    if (csv == NULL)
        return;
    csv_row_free(&csv->row);
    mem_free(csv);
}
