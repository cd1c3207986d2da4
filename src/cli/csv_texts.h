/* The texts of one column of a CSV file. */
#ifndef CLI_CSV_TEXTS_H
#define CLI_CSV_TEXTS_H

#include "cli/text_record.h"

typedef struct csv_texts csv_texts;

/* column: a name, a number from 1, or NULL = "text" or the only one. With `header` the first row is read here. The lines
 * stay the caller's. Errors: AKI_INVALID_ARGUMENT (no such column, no header), AKI_CANCELLED, AKI_IO_ERROR,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status csv_texts_open(csv_texts **out, line_source *lines, const char *column,
                                         char delimiter, bool header, aki_error *error);
void csv_texts_close(csv_texts *csv);

/* Sets text, length and line of the record. */
text_outcome csv_texts_next(csv_texts *csv, text_record *record, aki_error *error);

#endif
