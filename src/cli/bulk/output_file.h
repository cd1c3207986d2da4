/* The output of vectors: a stream that is written directly, or a file that gets its name when it is complete.
 *
 * A file is written as NAME.partial, locked against a second writer, with NAME.partial.state beside it
 * (resume_state.h). Data are flushed to the disk before the state that counts them. So after any end, kill -9
 * included, the first `bytes` of the state are valid; what lies behind them is cut off when the run resumes.
 *
 * flock locks the file, not its name: a run that opens NAME.partial just before another run renames it would hold a
 * lock on the finished output. So a lock counts only while its file is still the one at NAME.partial. */
#ifndef CLI_BULK_OUTPUT_FILE_H
#define CLI_BULK_OUTPUT_FILE_H

#include "akidb/embed.h"

typedef struct output_file output_file;

/* path "-" is stdout; a path that exists and is no regular file (/dev/null, a pipe) is written straight through, too.
 * stop_descriptor (-1 = none): when it becomes readable, waiting for the reader of a pipe ends with AKI_CANCELLED, here and in
 * output_write. Errors: AKI_IO_ERROR (no such folder, no permission, in use by another run), AKI_CANCELLED,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status output_open(output_file **out, const char *path, int stop_descriptor,
                                      aki_error *error);
/* Leaves the partial file where it is. NULL allowed. */
void output_close(output_file *file);

bool output_is_stream(const output_file *file);
/* "vectors.npy" or "stdout", for messages. */
const char *output_name(const output_file *file);
/* NAME.partial.state; NULL for a stream. */
const char *output_state_path(const output_file *file);
/* Bytes that the partial file had when it was opened; 0 for a new one and for a stream. */
uint64_t output_found_bytes(const output_file *file);
uint64_t output_bytes(const output_file *file);

/* Cuts the partial file to `bytes` and goes on from there. Error: AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status output_continue(output_file *file, uint64_t bytes, aki_error *error);
/* Errors: AKI_IO_ERROR (disk full and the like, with a hint); AKI_CANCELLED when the reader of a pipe has gone or takes nothing
 * and the stop descriptor is readable. */
AKI_MUST_CHECK aki_status output_write(output_file *file, const void *data, size_t length, aki_error *error);
/* Writes over what stands at the beginning. */
AKI_MUST_CHECK aki_status output_patch(output_file *file, const void *data, size_t length, aki_error *error);
/* Waits until the data are on the disk. */
AKI_MUST_CHECK aki_status output_sync(output_file *file, aki_error *error);
/* Gives the complete file its name and removes the state. */
AKI_MUST_CHECK aki_status output_finish(output_file *file, aki_error *error);
/* Instead of output_finish: removes the partial file, and an older file at the final name. Error: AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status output_remove(output_file *file, aki_error *error);

#endif
