#include "cli/bulk/csv_texts.h"

#include "base/error.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct csv_texts {
    line_source *lines;
    size_t column;  /* from 0 */
    size_t columns; /* of each row; 0: the next row tells */
    bool only;      /* no column was named, so there must be only one */
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
        return TEXT_FAILED; /* a quote may have opened in it unseen: where the next row begins is not known */
    }
    return text_outcome_of(outcome);
}

/* Refuses a row without the column, or one with a wrong number of columns. */
static bool check_columns(csv_texts *csv, uint64_t line, aki_error *error)
{
    size_t columns = csv_row_columns(&csv->row);
    const char *plural = columns == 1 ? "" : "s";
    const char *name = line_source_name(csv->lines);
    if (csv->columns == 0)
        csv->columns = columns;
    if (csv->only && columns > 1) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: has %zu columns, and none is named", name,
                  (unsigned long long)line, columns);
        error_hint(error, "Choose one with --column NUMBER.");
    } else if (csv->column >= columns) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: has %zu column%s, the text is in column %zu",
                  name, (unsigned long long)line, columns, plural, csv->column + 1);
        error_hint(error, "Complete the row, or leave bad rows out with --on-error skip.");
    } else if (columns != csv->columns) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s line %llu: has %zu column%s, the first row has %zu", name,
                  (unsigned long long)line, columns, plural, csv->columns);
        error_hint(error,
                   "Put quotes around texts that hold a %s or a line end, or leave bad rows out with "
                   "--on-error skip.",
                   csv_delimiter_name(csv->row.delimiter));
    } else {
        return true;
    }
    return false;
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
    if (!check_columns(csv, line.number, error))
        return TEXT_BAD;
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

/* Counts the columns of that name, and finds the first. */
static size_t columns_by_name(const csv_row *row, const char *name, size_t *column)
{
    size_t found = 0;
    for (size_t i = csv_row_columns(row); i-- > 0;) {
        size_t length;
        const char *other = csv_row_column(row, i, &length);
        if (length == strlen(name) && memcmp(other, name, length) == 0) {
            *column = i;
            found++;
        }
    }
    return found;
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
    size_t found = columns_by_name(row, wanted, &csv->column);
    if (found == 1)
        return AKI_OK;
    if (found > 1) {
        error_set(error, AKI_INVALID_ARGUMENT, "%s: %zu columns are called '%.100s', the first is column %zu",
                  line_source_name(csv->lines), found, wanted, csv->column + 1);
        error_hint(error, "Choose one by its number, such as --column %zu.", csv->column + 1);
        return AKI_INVALID_ARGUMENT;
    }
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

/* Skips empty lines before the first row; *line is the next one, not consumed. */
static aki_status peek_first_line(csv_texts *csv, input_line *line, bool *any, aki_error *error)
{
    line_outcome outcome;
    while ((outcome = line_source_peek(csv->lines, line, error)) == LINE_READ && line->length == 0)
        if (line_source_next(csv->lines, line, error) != LINE_READ)
            break;
    *any = outcome == LINE_READ;
    if (outcome == LINE_FAILED)
        return error != NULL ? error->status : AKI_IO_ERROR;
    if (outcome == LINE_STOPPED)
        return error_set(error, AKI_CANCELLED, "stopped by a signal");
    if (outcome == LINE_TOO_LONG) {
        text_set_too_long(csv->lines, line->number, error);
        return AKI_INVALID_ARGUMENT;
    }
    return AKI_OK;
}

static aki_status choose_delimiter(csv_texts *csv, const csv_settings *settings, const input_line *line,
                                   aki_error *error)
{
    char among[4];
    csv->row.delimiter = settings->delimiter;
    if (csv->row.delimiter == '\0')
        csv->row.delimiter = csv_delimiter_guess(line->data, line->length,
                                                 settings->column != NULL ? settings->column : "text",
                                                 settings->header, settings->usual_delimiter, among);
    if (csv->row.delimiter != '\0')
        return AKI_OK;
    error_set(error, AKI_INVALID_ARGUMENT,
              "%s: cannot tell from the first row what separates columns: %s or %s",
              line_source_name(csv->lines), csv_delimiter_name(among[0]), csv_delimiter_name(among[1]));
    error_hint(error, "Name it with --delimiter.");
    return AKI_INVALID_ARGUMENT;
}

static aki_status read_header(csv_texts *csv, const char *column, aki_error *error)
{
    input_line line = {.number = 0};
    aki_status status;
    switch (read_row(csv, &line, error)) {
    case TEXT_READ:
        status = choose_column(csv, column, error);
        csv->columns = csv_row_columns(&csv->row);
        return status;
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

/* Counts the columns of the first row that has no fault. Where the first line is not such a row, a file is read as far as
 * that row and then rewound, so that a resumed run counts the columns of the row that the interrupted one did. A pipe cannot be
 * rewound, and no run resumes on one: there the count is taken when the row is read. */
static aki_status count_columns(csv_texts *csv, const input_line *first, aki_error *error)
{
    input_line line;
    csv_row_begin(&csv->row);
    if (csv_row_add(&csv->row, first->data, first->length, first->ending) == CSV_COMPLETE) {
        csv->columns = csv_row_columns(&csv->row);
        return AKI_OK;
    }
    if (line_source_size(csv->lines) == 0)
        return AKI_OK;
    line_position position = line_source_position(csv->lines);
    text_outcome outcome;
    do {
        outcome = read_row(csv, &line, NULL);
    } while (outcome == TEXT_BAD || (outcome == TEXT_READ && csv_row_line_is_empty(&csv->row)));
    if (outcome == TEXT_READ)
        csv->columns = csv_row_columns(&csv->row);
    return line_source_seek(csv->lines, position, error);
}

/* Without a header the first row is a text. It is not consumed, and its number of columns holds for all rows. */
static aki_status begin_without_header(csv_texts *csv, const char *column, const input_line *first,
                                       aki_error *error)
{
    csv->only = column == NULL;
    if (column != NULL && !column_by_number(column, &csv->column)) {
        error_set(error, AKI_INVALID_ARGUMENT, "without a header row --column must be a number, not '%.100s'",
                  column);
        error_hint(error, "Count the columns from 1, or leave --no-header out.");
        return AKI_INVALID_ARGUMENT;
    }
    return count_columns(csv, first, error);
}

static aki_status begin(csv_texts *csv, const csv_settings *settings, aki_error *error)
{
    bool any;
    input_line line = {.data = "", .length = 0};
    aki_status status = peek_first_line(csv, &line, &any, error);
    if (status != AKI_OK)
        return status;
    if (!any)
        line = (input_line){.data = ""};
    status = choose_delimiter(csv, settings, &line, error);
    if (status != AKI_OK)
        return status;
    if (settings->header)
        return read_header(csv, settings->column, error);
    return begin_without_header(csv, settings->column, &line, error);
}

aki_status csv_texts_open(csv_texts **out, line_source *lines, const csv_settings *settings, aki_error *error)
{
    *out = NULL;
    csv_texts *csv = mem_zalloc(1, sizeof *csv);
    if (csv == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read texts");
    csv->lines = lines;
    csv_row_init(&csv->row, settings->usual_delimiter, line_source_max_line_bytes(lines));
    line_source_end_lines_at_cr(lines);
    aki_status status = begin(csv, settings, error);
    if (status != AKI_OK) {
        csv_texts_close(csv);
        return status;
    }
    *out = csv;
    return AKI_OK;
}

char csv_texts_delimiter(const csv_texts *csv)
{
    return csv->row.delimiter;
}

void csv_texts_close(csv_texts *csv)
{
    if (csv == NULL)
        return;
    csv_row_free(&csv->row);
    mem_free(csv);
}

#define CANDIDATES (sizeof CSV_DELIMITERS - 1)

typedef struct fit {
    size_t columns;  /* 0: the line cannot be read with this delimiter */
    bool has_wanted; /* a column has the name that is looked for */
} fit;

/* True when the delimiter occurs outside quotes. A quote opens a quoted column behind any candidate, because the
 * delimiter is not known yet. */
static bool stands_outside_quotes(char delimiter, const char *line, size_t length)
{
    bool in_quotes = false, at_start = true;
    for (size_t i = 0; i < length; i++) {
        if (in_quotes && line[i] == '"' && i + 1 < length && line[i + 1] == '"')
            i++; /* stands for a quote */
        else if (line[i] == '"' && (in_quotes || at_start))
            in_quotes = !in_quotes;
        else if (!in_quotes && line[i] == delimiter)
            return true;
        at_start = !in_quotes && line[i] != '\0' && strchr(CSV_DELIMITERS, line[i]) != NULL;
    }
    return false;
}

static fit try_delimiter(char delimiter, const char *line, size_t length, const char *wanted)
{
    csv_row row;
    fit found = {.columns = 0};
    if (!stands_outside_quotes(delimiter, line, length))
        return found;
    csv_row_init(&row, delimiter, length + 1);
    csv_row_begin(&row);
    csv_outcome outcome = csv_row_add(&row, line, length, 0);
    if (outcome == CSV_COMPLETE || outcome == CSV_MORE) /* MORE: the last column goes on in the next line */
        found.columns = csv_row_columns(&row) + (outcome == CSV_MORE);
    for (size_t i = 0; outcome == CSV_COMPLETE && i < found.columns; i++) {
        size_t name_length;
        const char *name = csv_row_column(&row, i, &name_length);
        found.has_wanted |= name_length == strlen(wanted) && memcmp(name, wanted, name_length) == 0;
    }
    csv_row_free(&row);
    return found;
}

/* Rates a delimiter: higher is better; 0: it does not divide the line. */
static size_t score_of(const fit *found, bool header, char delimiter, char usual)
{
    if (found->columns < 2)
        return 0;
    if (usual == '\t' && delimiter == usual)
        return 3 * CSV_MAX_COLUMNS;
    if (!header)
        return 1;
    return found->columns + (found->has_wanted ? CSV_MAX_COLUMNS : 0);
}

char csv_delimiter_guess(const char *line, size_t length, const char *wanted, bool header, char usual,
                         char among[4])
{
    size_t best = 0, ties = 0;
    memset(among, '\0', 4);
    for (size_t i = 0; i < CANDIDATES; i++) {
        char delimiter = CSV_DELIMITERS[i];
        fit found = try_delimiter(delimiter, line, length, wanted);
        size_t score = score_of(&found, header, delimiter, usual);
        if (score == 0 || score < best)
            continue;
        ties = score > best ? 0 : ties;
        best = score;
        if (ties < 3)
            among[ties] = delimiter;
        ties++;
    }
    return best == 0 ? usual : ties == 1 ? among[0] : '\0';
}

const char *csv_delimiter_name(char delimiter)
{
    static const char *const names[] = {"comma", "semicolon", "tab", "pipe"};
    const char *at = strchr(CSV_DELIMITERS, delimiter);
    return names[at - CSV_DELIMITERS];
}
