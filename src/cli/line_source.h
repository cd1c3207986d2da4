/* Lines of a file, a pipe or a terminal, in memory bounded by the longest line that is allowed. A line ends at LF, CR
 * LF or the end of the input, and at a CR alone where that is asked for. A byte order mark at the input's start is
 * dropped.
 *
 * The only blocking wait is for input, and it ends when the stop descriptor becomes readable. A FIFO is opened
 * without waiting for its writer. A position carries a hash of the input before it, so that a later run can resume
 * there and knows that the file still begins with the bytes that the first run read. */
#ifndef CLI_LINE_SOURCE_H
#define CLI_LINE_SOURCE_H

#include "akidb/embed.h"

typedef struct line_source line_source;

typedef struct input_line {
    const char *data; /* valid until the next call */
    size_t length;    /* without the line's end */
    size_t ending;    /* bytes of the line's end behind it: 0, 1 or 2 */
    uint64_t number;  /* from 1 */
} input_line;

typedef enum line_outcome {
    LINE_READ,
    LINE_TOO_LONG, /* skipped as a whole; the number is set */
    LINE_END,
    LINE_STOPPED, /* the stop descriptor became readable while waiting for input */
    LINE_FAILED,  /* error is filled */
} line_outcome;

typedef struct line_position {
    uint64_t offset; /* of the next line, in bytes */
    uint64_t line;   /* lines before it */
    uint64_t hash;   /* XXH64 of the bytes before it */
} line_position;

/* path "-" is stdin. stop_descriptor: -1 = none. Errors: AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status line_source_open(line_source **out, const char *path, size_t max_line_bytes,
                                           int stop_descriptor, aki_error *error);
void line_source_close(line_source *source);

/* From now on a CR alone ends a line, too. */
void line_source_end_lines_at_cr(line_source *source);

line_outcome line_source_next(line_source *source, input_line *line, aki_error *error);
/* Reads the next line without consuming it: line_source_next returns it again. */
line_outcome line_source_peek(line_source *source, input_line *line, aki_error *error);

/* The name for messages: the path, or "stdin". */
const char *line_source_name(const line_source *source);
size_t line_source_max_line_bytes(const line_source *source);
int line_source_descriptor(const line_source *source);
/* Size of a regular file; 0 = unknown. */
uint64_t line_source_size(const line_source *source);
/* False when the next call would have to wait for whoever writes the input. */
bool line_source_ready(const line_source *source);

/* Moves to a position; only between lines. Works on regular files, and reads all bytes before the position to compare
 * their hash. Errors: AKI_INVALID_ARGUMENT (those bytes have changed), AKI_CANCELLED, AKI_IO_ERROR. */
line_position line_source_position(const line_source *source);
AKI_MUST_CHECK aki_status line_source_seek(line_source *source, line_position position, aki_error *error);

#endif
