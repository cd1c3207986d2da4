/* Read-only memory maps of files that survive the file being cut while mapped.
 *
 * Touching a page that lies beyond a shrunken file raises SIGBUS, which by default kills the process. mapping_open
 * installs a process-wide SIGBUS handler. For a fault inside a registered mapping it puts a page of zeros in place
 * and marks the mapping as damaged. Any other SIGBUS goes to the handler that was there before, with that handler's
 * flags and mask. The handler stays when all mappings are closed. A forked child may open and close mappings of its
 * own. A cut inside a page raises no signal, so mapping_damaged also compares the file's length. Whoever computes
 * from a mapping asks mapping_damaged afterwards and throws the result away if so.
 *
 * Files that are open already, and not changed since by their times, are not mapped again: the mapping is shared, and goes when
 * its last user has closed it. So two models of one file have their weights at the same addresses.
 *
 * Invariant: at most MAPPING_MAX mappings at once, shared ones counted once. Thread-safe. */
#ifndef BASE_MAPPING_H
#define BASE_MAPPING_H

#include <stddef.h>

#include "akidb/embed.h"

#define MAPPING_MAX 64

typedef struct mapping mapping;

/* Maps the whole regular file at `path`, or shares the mapping of it. On success *out is to be closed by the caller, on failure NULL.
 * Errors: AKI_MODEL_NOT_FOUND (no such file), AKI_MODEL_INVALID (empty, not a regular file), AKI_IO_ERROR,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status mapping_open(mapping **out, const char *path, aki_error *error);
/* As mapping_open, of several files, which become one mapping: each begins on a page of its own, where mapping_begin says.
 * A cut of any of them damages the whole. count >= 1. Error as well: AKI_MODEL_INVALID (more than the address space holds). */
AKI_MUST_CHECK aki_status mapping_open_files(mapping **out, const char *const *paths, size_t count,
                                             aki_error *error);
/* NULL allowed. Pointers into the mapping die with its last user. */
void mapping_close(mapping *map);

/* Gives the pages that were read back to the system; what is read again comes from its page cache. */
void mapping_drop_pages(const mapping *map);

const unsigned char *mapping_data(const mapping *map);
/* Bytes of all its files. */
size_t mapping_size(const mapping *map);
/* Number of bytes from mapping_data to the first one of file `index`, and how many that file has. */
size_t mapping_begin(const mapping *map, size_t index);
size_t mapping_file_size(const mapping *map, size_t index);
/* True once a page of the mapping could not be read, or when the file is found shorter than it was. Never goes back to
 * false. Costs one fstat for each file. */
bool mapping_damaged(const mapping *map);

/* Gives memory back to the system while its block stays allocated: for large buffers that are seldom needed whole. */

/* Drops the pages that lie wholly inside `part` of a block of mem_alloc. Its contents are lost; pages that are touched again come
 * back as zeros. */
void mem_discard(void *part, size_t bytes);

#endif
