/* One text as a reader hands it out, and what reading may come to: shared by the reader and the formats below it. */
#ifndef CLI_BULK_TEXT_RECORD_H
#define CLI_BULK_TEXT_RECORD_H

#include "cli/line_source.h"

typedef struct text_record {
    const char *text; /* valid until the next call */
    size_t length;    /* > 0 */
    const char *id;   /* jsonl: JSON of the field "id", NUL-terminated, or NULL */
    uint64_t line;    /* where the record begins, from 1 */
} text_record;

typedef enum text_outcome {
    TEXT_READ,
    TEXT_BAD, /* the record is left out; the error's status is AKI_EMPTY_TEXT where the text is empty */
    TEXT_END,
    TEXT_STOPPED,
    TEXT_FAILED, /* no way to go on */
} text_outcome;

/* The error of a line over the limit. */
void text_set_too_long(const line_source *lines, uint64_t line, aki_error *error);
/* Sets the error of a text that has no tokens left; returns TEXT_BAD. */
text_outcome text_set_no_tokens(const line_source *lines, uint64_t line, aki_error *error);
/* A line's outcome as a text's. */
text_outcome text_outcome_of(line_outcome outcome);

#endif
