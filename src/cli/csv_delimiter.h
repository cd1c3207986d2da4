/* Tells from a CSV file's first line what separates its columns: comma, semicolon, tab or pipe. */
#ifndef CLI_CSV_DELIMITER_H
#define CLI_CSV_DELIMITER_H

#include "cli/csv_row.h"

#define CSV_DELIMITERS ",;\t|"

/* With a header: the one under which a column is called `wanted`, else the one that makes most columns. Without: the only one
 * that makes columns at all, for a text holds commas and semicolons of its own. `usual` where the line has one column whatever
 * is taken, and a tab where that is usual and makes columns. '\0' where several do equally well: those are in among[0..3).
 * Out of memory counts as no columns. */
char csv_delimiter_guess(const char *line, size_t length, const char *wanted, bool header, char usual,
                         char among[4]);

/* "comma", as the option --delimiter has it. */
const char *csv_delimiter_name(char delimiter);

#endif
