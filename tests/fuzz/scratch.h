/* Helpers for fuzzers of file readers: a folder for the files, and inputs that hold several files.
 *
 * Such an input is a pack: "=== name" on a line of its own begins the file `name`, which goes on to the next such
 * line or to the input's end. Packs of text files stay text, so seeds can be read and written by hand. */
#ifndef FUZZ_SCRATCH_H
#define FUZZ_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRATCH_PATH_MAX 320

/* A new folder in $TMPDIR, made at the first call and removed when the process ends by exit(). */
const char *scratch_folder(void);
void scratch_path(char path[SCRATCH_PATH_MAX], const char *name);
/* Replaces the file; makes the folder above it, at most one. */
void scratch_write(const char *name, const void *data, size_t size);
void scratch_remove(const char *name);
/* Empties the folder. */
void scratch_clear(void);

typedef struct pack_part {
    const char *name;    /* set by the caller */
    const uint8_t *data; /* in the input; NULL where the pack does not have it */
    size_t size;
} pack_part;

/* Finds the parts named in parts[0..count). Of a repeated name the last part counts; parts of other names are
 * ignored. The newline before a "===" line belongs to that line. */
void pack_read(const uint8_t *data, size_t size, pack_part *parts, size_t count);
/* Writes the parts that the pack has with scratch_write; removes the others with scratch_remove. */
void pack_write_files(const pack_part *parts, size_t count);

/* A NUL-terminated copy in a block of exactly its size, for free(), so that a sanitizer sees reads beyond it. */
char *copy_text(const uint8_t *data, size_t size);
/* Likewise without the NUL; a block of one byte where size is 0. */
uint8_t *copy_bytes(const uint8_t *data, size_t size);

#endif
