/* The state that an interrupted `embed` leaves beside its partial output, so that the same command can resume: its
 * progress, and everything that the vectors depend on, so that a run with other settings is refused.
 *
 * Settings affect every vector and must be equal. Options for unusable texts may change as long as the texts read so
 * far would have been treated equally: a run that stopped at an unusable text resumes with --on-error skip. The input
 * is identified by its bytes before the place where reading resumes (line_source_seek), so what comes behind may be
 * corrected. */
#ifndef CLI_BULK_RESUME_STATE_H
#define CLI_BULK_RESUME_STATE_H

#include "akidb/embed.h"
#include "cli/line_source.h"
#include "cli/bulk/skipped_texts.h"

#include <jansson.h>

/* Name to value, in this order; NULL = none so far. */
typedef struct resume_settings {
    json_t *options; /* as shown to people: "pooling": "mean" */
    json_t *files;   /* of the model, each with its hash: "config.json": "…" */
    bool failed;     /* out of memory: nothing is written or read any more */
} resume_settings;

typedef struct resume_state {
    line_position input;     /* where to go on reading */
    uint64_t texts;          /* of the input: written and left out */
    uint64_t written;        /* vectors in the output */
    uint64_t truncated;      /* of them cut */
    skipped_counts skipped;  /* texts left out */
    uint64_t bytes;          /* of the output */
    uint64_t skipped_bytes;  /* of the list of texts left out */
    uint64_t max_line_bytes; /* --max-line-bytes */
} resume_state;

/* How a run treats texts that cannot be used. */
typedef struct resume_policy {
    bool skips_empty, skips_unusable, truncates;
    uint64_t max_line_bytes;
} resume_policy;

/* Adds a setting; printf-style. Out of memory shows in `failed`. */
void resume_settings_add(resume_settings *settings, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void resume_settings_add_file(resume_settings *settings, const char *name, const char *hash);
void resume_settings_free(resume_settings *settings);

/* Replaces the file at once or not at all; on return it is on the disk. Errors: AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status resume_state_write(const char *path, const resume_settings *settings,
                                             const resume_state *state, aki_error *error);
/* Reads the state. Checks that the settings are equal, and that the run may resume with this policy. Errors:
 * AKI_INVALID_ARGUMENT (one of these does not hold: the message names it), AKI_IO_ERROR (not readable, damaged or of
 * another version), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status resume_state_read(const char *path, const resume_settings *settings,
                                            const resume_policy *policy, resume_state *state,
                                            aki_error *error);

#endif
