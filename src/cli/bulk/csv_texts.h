/* The texts of one column of a CSV file. Empty lines are skipped. Every row must have as many columns as the first: a
 * row with more or fewer has a delimiter or a line end in a text without quotes, and its text would be cut there. */
#ifndef CLI_BULK_CSV_TEXTS_H
#define CLI_BULK_CSV_TEXTS_H

#include "cli/bulk/csv_row.h"
#include "cli/bulk/text_record.h"

typedef struct csv_texts csv_texts;

typedef struct csv_settings {
    const char *column;   /* a name, a number from 1, or NULL = "text" or the only one */
    char delimiter;       /* '\0' = guessed from the first line */
    char usual_delimiter; /* ',' or a tab: used where the first line does not decide */
    bool header;          /* the first row names the columns and is read here */
} csv_settings;

/* The line source stays the caller's; from here on it also ends lines at a CR alone. Errors: AKI_INVALID_ARGUMENT (no
 * such column or two of that name, no header, a delimiter that cannot be told), AKI_CANCELLED, AKI_IO_ERROR,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status csv_texts_open(csv_texts **out, line_source *lines, const csv_settings *settings,
                                         aki_error *error);
void csv_texts_close(csv_texts *csv);

/* The delimiter in use, given or guessed. */
char csv_texts_delimiter(const csv_texts *csv);

/* Sets text, length and line of the record. */
text_outcome csv_texts_next(csv_texts *csv, text_record *record, aki_error *error);

/* Guesses the delimiter of a CSV file (comma, semicolon, tab or pipe) from its first line. */

#define CSV_DELIMITERS ",;\t|"

/* Returns the delimiter, or '\0' where several do equally well; those are in among[0..3).
 * With a header: the delimiter under which a column is called `wanted`, else the one that gives most columns.
 * Without: the only one that divides the line; where several do, none is chosen, because texts contain commas and
 * semicolons. A tab that is `usual` wins whenever it divides the line. `usual` where no delimiter divides it.
 * Out of memory counts as a line that is not divided. */
char csv_delimiter_guess(const char *line, size_t length, const char *wanted, bool header, char usual,
                         char among[4]);

/* The name that --delimiter takes, such as "comma". */
const char *csv_delimiter_name(char delimiter);

#endif
