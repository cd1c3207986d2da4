/* The work of `embed`: batch after batch from the reader through the model to the output, with checkpoints. */
#ifndef CLI_BULK_EMBED_JOB_H
#define CLI_BULK_EMBED_JOB_H

#include "cli/options/options.h"
#include "cli/bulk/output_file.h"
#include "cli/bulk/resume_state.h"
#include "cli/stop.h"
#include "cli/bulk/text_reader.h"
#include "cli/bulk/vector_format.h"

typedef struct embed_job {
    const options *options;
    const stop *stop;
    text_reader *reader;
    output_file *output;
    skipped_texts skipped;
    aki_model *model;
    aki_embed_options how; /* its prompt is a text, never a name */
    vector_kind kind;
    size_t dimension; /* of the vectors that are written, dense ones or of tokens */
    vector_format format;
    unsigned threads;
    bool resumable; /* input and output are files: keep a state */
    resume_settings settings;
    resume_state state;
    uint64_t continued_texts; /* done by earlier runs */
    bool saved;               /* the state on the disk is of what the output holds */
    int64_t elapsed_ns;
} embed_job;

/* Errors: those of reading, computing and writing; AKI_CANCELLED when a signal came or the reader of stdout has gone. Whatever was
 * computed before is in the output, and in the state where there is one. */
AKI_MUST_CHECK aki_status embed_job_run(embed_job *job, aki_error *error);

/* Says on stderr how it ended and how to go on, and returns the program's exit code. */
int embed_job_report(const embed_job *job, aki_status status, const aki_error *error);

#endif
