/* One row of a CSV file after RFC 4180, fed line by line: columns in quotes may hold delimiters, doubled quotes and line
 * ends, which are kept as they are. Quotes inside a column that does not begin with one are ordinary characters, as
 * spreadsheets and Python's csv read them. */
#ifndef CLI_BULK_CSV_ROW_H
#define CLI_BULK_CSV_ROW_H

#include "base/buf.h"

#include <stdint.h>

#define CSV_MAX_COLUMNS 16384

typedef enum csv_state { CSV_COLUMN_START, CSV_UNQUOTED, CSV_QUOTED, CSV_QUOTE_IN_QUOTED } csv_state;

typedef struct csv_row {
    char delimiter;
    csv_state state;
    buf text;    /* contents of all columns, end to end */
    buf ends;    /* size_t per column: where it ends in text */
    bool quoted; /* some column was in quotes */
    bool bad;    /* text stood behind a closing quote */
} csv_row;

typedef enum csv_outcome {
    CSV_COMPLETE,
    CSV_MORE,      /* a quote is open: the row goes on in the next line */
    CSV_BAD_QUOTE, /* complete, but with text behind a closing quote: the next line begins a row */
    CSV_TOO_LONG,  /* over max_bytes or CSV_MAX_COLUMNS, or out of memory */
} csv_outcome;

/* Cannot fail. */
void csv_row_init(csv_row *row, char delimiter, size_t max_bytes);
void csv_row_free(csv_row *row);

void csv_row_begin(csv_row *row);
/* line[length .. length + ending) is the line's end. */
csv_outcome csv_row_add(csv_row *row, const char *line, size_t length, size_t ending);

/* Of a complete row. */
size_t csv_row_columns(const csv_row *row);
const char *csv_row_column(const csv_row *row, size_t index, size_t *length);
/* The row was a line with nothing in it, not even quotes. */
bool csv_row_line_is_empty(const csv_row *row);

#endif
