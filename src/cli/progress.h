/* A line of progress on a terminal, drawn over itself at most ten times a second; silent elsewhere. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "akidb/embed.h"

#define PROGRESS_MAX_BYTES 512

typedef struct progress_state {
    const char *label;    /* "embed", "model.safetensors" */
    const char *unit;     /* "texts"; NULL = the counts are bytes */
    uint64_t count;       /* of `unit` */
    uint64_t started;     /* of `count`, done before this run */
    uint64_t done, total; /* for the bar and the time left; total 0 = unknown */
    uint64_t done_at_start;
    int64_t elapsed_ns;
} progress_state;

typedef struct progress {
    int descriptor; /* -1 = not a terminal */
    int64_t start_ns, drawn_ns;
    bool visible;
} progress;

/* The text of the line, without line end, at most `columns` wide. Returns its length. */
size_t progress_render(const progress_state *state, size_t columns, char out[PROGRESS_MAX_BYTES]);

/* Draws on `descriptor` if it is a terminal. */
void progress_begin(progress *p, int descriptor);
/* elapsed_ns is filled in here. */
void progress_update(progress *p, progress_state *state);
/* Removes the line, so that other text can be printed. */
void progress_clear(progress *p);

/* "1,234,567", "82.3 MB", "1:05", into `out`. */
void progress_write_count(uint64_t count, char *out, size_t room);
void progress_write_bytes(uint64_t bytes, char *out, size_t room);
void progress_write_time(int64_t ns, char *out, size_t room);

#endif
