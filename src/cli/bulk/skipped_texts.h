/* The texts of an input that were left out: counted by reason, named at the end, and listed in a file with one JSON
 * object a line: {"index":6,"line":8,"error":"invalid_utf8","message":"..."}. index counts all texts of the input
 * from 0, as in JSONL output. So row r of an .npy is the (r + 1)th text whose index is not listed.
 *
 * Entries of a batch are kept until the batch is written, and then appended in the order of the input. */
#ifndef CLI_BULK_SKIPPED_TEXTS_H
#define CLI_BULK_SKIPPED_TEXTS_H

#include "base/buf.h"
#include "cli/bulk/output_file.h"

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

/* Resumes behind the first `bytes` of the list of an interrupted run. Error: AKI_IO_ERROR (the list is shorter). */
AKI_MUST_CHECK aki_status skipped_texts_continue(skipped_texts *skipped, uint64_t bytes, aki_error *error);
/* Bytes of the list that were written. */
uint64_t skipped_texts_bytes(const skipped_texts *skipped);

/* Counts the text and keeps its entry. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status skipped_texts_add(skipped_texts *skipped, skipped_counts *counts, uint64_t index,
                                            uint64_t line, const aki_error *why, aki_error *error);
/* The number of entries not yet written. */
size_t skipped_texts_pending(const skipped_texts *skipped);
/* Drops the entries from the text `index` on. */
void skipped_texts_rewind(skipped_texts *skipped, uint64_t index);
/* Appends the entries to the list. Errors as output_write. */
AKI_MUST_CHECK aki_status skipped_texts_write(skipped_texts *skipped, aki_error *error);
/* Waits until the list is on the disk. */
AKI_MUST_CHECK aki_status skipped_texts_sync(skipped_texts *skipped, aki_error *error);
/* Gives the list its final name. A list that is empty and was not asked for is removed, and so is one of an earlier
 * run. */
AKI_MUST_CHECK aki_status skipped_texts_finish(skipped_texts *skipped, aki_error *error);

/* Prints on stderr how many of `texts` were left out and on which lines, if any were. */
void skipped_texts_report(const skipped_texts *skipped, const skipped_counts *counts, uint64_t texts);

#endif
