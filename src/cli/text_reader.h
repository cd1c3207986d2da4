/* Texts out of lines, JSONL or CSV, one at a time, in constant memory. Every text handed out is valid UTF-8 and not empty; what
 * cannot be used comes as TEXT_BAD with an error that names file and line, and reading may go on behind it. */
#ifndef CLI_TEXT_READER_H
#define CLI_TEXT_READER_H

#include "cli/text_record.h"

typedef enum text_format { TEXT_LINES, TEXT_JSONL, TEXT_CSV } text_format;

typedef struct text_reader_settings {
    const char *path; /* "-" = stdin */
    text_format format;
    const char *field;  /* jsonl */
    const char *column; /* csv: a name, a number from 1, or NULL = "text" or the only one */
    char delimiter;     /* csv */
    bool header;        /* csv: the first row names the columns */
    size_t max_line_bytes;
    int stop_descriptor; /* see line_source_open */
} text_reader_settings;

typedef struct text_reader text_reader;

/* The settings are not kept. For CSV with a header the first row is read here.
 * Errors: AKI_IO_ERROR, AKI_INVALID_ARGUMENT (no such column), AKI_CANCELLED (stopped while waiting for the header),
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status text_reader_open(text_reader **out, const text_reader_settings *settings,
                                           aki_error *error);
void text_reader_close(text_reader *reader);

text_outcome text_reader_next(text_reader *reader, text_record *record, aki_error *error);

/* Behind the last record handed out or reported as bad; where a later run may go on. */
line_position text_reader_position(const text_reader *reader);
AKI_MUST_CHECK aki_status text_reader_seek(text_reader *reader, line_position position, aki_error *error);
const line_source *text_reader_source(const text_reader *reader);

#endif
