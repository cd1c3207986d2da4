/* Texts out of lines, JSONL or CSV, one at a time, in constant memory. Every text handed out is valid UTF-8 and not empty; what
 * cannot be used comes as TEXT_BAD with an error that names file and line, and reading may go on behind it. */
#ifndef CLI_BULK_TEXT_READER_H
#define CLI_BULK_TEXT_READER_H

#include "cli/bulk/csv_texts.h"

typedef enum text_format { TEXT_LINES, TEXT_JSONL, TEXT_CSV } text_format;

typedef struct text_reader_settings {
    const char *path; /* "-" = stdin */
    text_format format;
    const char *field; /* jsonl */
    csv_settings csv;
    size_t max_line_bytes;
    int stop_descriptor; /* see line_source_open */
} text_reader_settings;

typedef struct text_reader text_reader;

/* The settings are not kept. Of CSV the first row is read here. Errors: AKI_IO_ERROR, AKI_INVALID_ARGUMENT (as csv_texts_open),
 * AKI_CANCELLED (stopped while waiting for the first row), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status text_reader_open(text_reader **out, const text_reader_settings *settings,
                                           aki_error *error);
void text_reader_close(text_reader *reader);

text_outcome text_reader_next(text_reader *reader, text_record *record, aki_error *error);

/* Behind the last record handed out or reported as bad; where a later run may go on. */
line_position text_reader_position(const text_reader *reader);
AKI_MUST_CHECK aki_status text_reader_seek(text_reader *reader, line_position position, aki_error *error);
const line_source *text_reader_source(const text_reader *reader);
/* The delimiter of CSV; '\0' for other formats. */
char text_reader_delimiter(const text_reader *reader);

#endif
