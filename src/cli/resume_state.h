/* What an interrupted `embed` leaves beside its partial output, so that the same command can go on: how far it came, and
 * everything that the vectors depend on, to refuse going on with something else. */
#ifndef CLI_RESUME_STATE_H
#define CLI_RESUME_STATE_H

#include "akidb/embed.h"
#include "cli/line_source.h"

#define RESUME_FIELDS 16

/* One thing that must not have changed, as people understand it: {"pooling", "mean"}. */
typedef struct resume_field {
    const char *name;
    char value[512];
} resume_field;

typedef struct resume_settings {
    resume_field fields[RESUME_FIELDS];
    size_t count;
} resume_settings;

typedef struct resume_state {
    line_position input; /* where to go on reading */
    uint64_t texts;      /* of the input: written and left out */
    uint64_t written;    /* vectors in the output */
    uint64_t truncated;  /* of them cut */
    uint64_t skipped;    /* texts left out */
    uint64_t bytes;      /* of the output */
} resume_state;

/* Adds a field; printf-style. More than RESUME_FIELDS is a mistake of the program and ignored. */
void resume_settings_add(resume_settings *settings, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Replaces the file at once or not at all; on return it is on the disk. Errors: AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status resume_state_write(const char *path, const resume_settings *settings,
                                             const resume_state *state, aki_error *error);
/* Reads it and checks that the settings are equal. Errors: AKI_INVALID_ARGUMENT (other settings, named in the message),
 * AKI_IO_ERROR (not readable or damaged). */
AKI_MUST_CHECK aki_status resume_state_read(const char *path, const resume_settings *settings,
                                            resume_state *state, aki_error *error);

#endif
