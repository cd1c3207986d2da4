#include "cli/bulk/csv_row.h"

#include <string.h>

void csv_row_init(csv_row *row, char delimiter, size_t max_bytes)
{
    *row = (csv_row){.delimiter = delimiter};
    buf_init(&row->text, max_bytes);
    buf_init(&row->ends, CSV_MAX_COLUMNS * sizeof(size_t));
}

void csv_row_free(csv_row *row)
{
    buf_free(&row->text);
    buf_free(&row->ends);
}

void csv_row_begin(csv_row *row)
{
    buf_clear(&row->text);
    buf_clear(&row->ends);
    row->state = CSV_COLUMN_START;
    row->quoted = row->bad = false;
}

static void end_column(csv_row *row)
{
    buf_append(&row->ends, &row->text.length, sizeof row->text.length);
    row->state = CSV_COLUMN_START;
}

/* Bytes from `line` on that belong to the column as they are. */
static size_t plain_run(const csv_row *row, const char *line, size_t length)
{
    const char *stop = memchr(line, row->state == CSV_QUOTED ? '"' : row->delimiter, length);
    return stop != NULL ? (size_t)(stop - line) : length;
}

csv_outcome csv_row_add(csv_row *row, const char *line, size_t length, size_t ending)
{
    size_t i = 0;
    while (i < length) {
        char c = line[i];
        if (row->state == CSV_COLUMN_START && c == '"') {
            row->state = CSV_QUOTED;
            row->quoted = true;
            i++;
        } else if (row->state == CSV_QUOTE_IN_QUOTED && c == '"') {
            buf_append_char(&row->text, '"');
            row->state = CSV_QUOTED;
            i++;
        } else if (row->state == CSV_QUOTED && c == '"') {
            row->state = CSV_QUOTE_IN_QUOTED;
            i++;
        } else if (row->state != CSV_QUOTED && c == row->delimiter) {
            end_column(row);
            i++;
        } else {
            row->bad |= row->state == CSV_QUOTE_IN_QUOTED;
            if (row->state != CSV_QUOTED)
                row->state = CSV_UNQUOTED;
            size_t run = plain_run(row, line + i, length - i);
            buf_append(&row->text, line + i, run);
            i += run;
        }
    }
    if (row->state == CSV_QUOTED)
        buf_append(&row->text, line + length, ending);
    else
        end_column(row);
    if (row->text.failed || row->ends.failed)
        return CSV_TOO_LONG;
    if (row->state == CSV_QUOTED)
        return CSV_MORE;
    return row->bad ? CSV_BAD_QUOTE : CSV_COMPLETE;
}

size_t csv_row_columns(const csv_row *row)
{
    return row->ends.length / sizeof(size_t);
}

static size_t column_end(const csv_row *row, size_t index)
{
    size_t end;
    memcpy(&end, row->ends.data + index * sizeof end, sizeof end);
    return end;
}

const char *csv_row_column(const csv_row *row, size_t index, size_t *length)
{
    size_t start = index > 0 ? column_end(row, index - 1) : 0;
    *length = column_end(row, index) - start;
    return row->text.data != NULL ? row->text.data + start : "";
}

bool csv_row_line_is_empty(const csv_row *row)
{
    return csv_row_columns(row) == 1 && row->text.length == 0 && !row->quoted;
}
