/* The texts of an input that were left out: counted by reason, named at the end, and listed in a file with one JSON object a
 * line: {"index":6,"line":8,"error":"invalid_utf8","message":"..."}. index counts the input's texts from 0 as in JSONL output, so
 * that row r of an .npy is the text with the r-th index that is not listed.
 *
 * Entries of a batch are kept until the batch is written and then appended in the order of the input. */
#ifndef CLI_SKIPPED_TEXTS_H
#define CLI_SKIPPED_TEXTS_H

#include "base/buf.h"
#include "cli/output_file.h"

#define SKIPPED_SHOWN 8 /* lines that the summary names */

typedef struct skipped_counts {
    uint64_t empty;
    uint64_t too_long; /* more tokens than the model takes, with --no-truncate */
    uint64_t unusable; /* for another reason */
} skipped_counts;

uint64_t skipped_total(const skipped_counts *counts);

typedef struct skipped_texts {
    output_file *file; /* NULL: there is no list */
    bool asked_for;    /* the file is written even if it has nothing to list */
    buf text;          /* of the entries that are not written */
    buf entries;
    uint64_t lines[SKIPPED_SHOWN]; /* of the first ones that this run has left out */
    size_t shown;
} skipped_texts;

/* path: of the list, or NULL for none. Whatever the result, release it with skipped_texts_close. Errors as output_open. */
AKI_MUST_CHECK aki_status skipped_texts_open(skipped_texts *skipped, const char *path, bool asked_for,
                                             int stop_descriptor, aki_error *error);
void skipped_texts_close(skipped_texts *skipped);

/* Goes on behind the first `bytes` of what an interrupted run has listed. Error: AKI_IO_ERROR (it has fewer). */
AKI_MUST_CHECK aki_status skipped_texts_continue(skipped_texts *skipped, uint64_t bytes, aki_error *error);
/* Bytes of the list that are written. */
uint64_t skipped_texts_bytes(const skipped_texts *skipped);

/* Counts the text and keeps its entry. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status skipped_texts_add(skipped_texts *skipped, skipped_counts *counts, uint64_t index,
                                            uint64_t line, const aki_error *why, aki_error *error);
/* Entries that are not written. */
size_t skipped_texts_pending(const skipped_texts *skipped);
/* Forgets those from the text `index` on. */
void skipped_texts_rewind(skipped_texts *skipped, uint64_t index);
/* Appends the entries to the list. Errors as output_write. */
AKI_MUST_CHECK aki_status skipped_texts_write(skipped_texts *skipped, aki_error *error);
/* Waits until the list is on the disk. */
AKI_MUST_CHECK aki_status skipped_texts_sync(skipped_texts *skipped, aki_error *error);
/* Gives the list its name; where it is empty and was not asked for, removes it and one of an earlier run. */
AKI_MUST_CHECK aki_status skipped_texts_finish(skipped_texts *skipped, aki_error *error);

/* Says on stderr how many of `texts` were left out, and where they stand, if any were. */
void skipped_texts_report(const skipped_texts *skipped, const skipped_counts *counts, uint64_t texts);

#endif
