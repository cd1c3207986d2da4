/* Whole small files: read with a limit, written so that a reader sees the old or the new contents, never half. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/uio.h>

#include "akidb/embed.h"
#include "base/buf.h"

/* Appends the file's bytes to `out`, at most out->max_bytes in all. Errors: AKI_MODEL_NOT_FOUND (no such file),
 * AKI_IO_ERROR (also: not a regular file; larger than the limit, which the message names), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status file_read(const char *path, buf *out, aki_error *error);

/* Writes a temporary file beside `path`, flushes it to disk and renames it. Error: AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status file_write_atomic(const char *path, const void *data, size_t length,
                                            aki_error *error);

/* As file_write_atomic, of several parts, one after the other. */
AKI_MUST_CHECK aki_status file_write_parts_atomic(const char *path, const struct iovec *parts, size_t count,
                                                  aki_error *error);

bool file_exists(const char *path);

/* True when the folder lists the name, even as a link that leads nowhere, and also when that cannot be found out:
 * opening the file then gives the reason. For optional files, which may be skipped only where they do not exist. */
bool file_listed(const char *path);

/* "folder/name", freed with mem_free; NULL = out of memory. */
char *path_join(const char *folder, const char *name) __attribute__((malloc, warn_unused_result));

#endif
