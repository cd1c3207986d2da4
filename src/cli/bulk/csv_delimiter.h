/* Guesses the delimiter of a CSV file (comma, semicolon, tab or pipe) from its first line. */
#ifndef CLI_BULK_CSV_DELIMITER_H
#define CLI_BULK_CSV_DELIMITER_H

#include "cli/bulk/csv_row.h"

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
