/* The safetensors format: 8 bytes of header length (little-endian), a JSON header that maps names to type, shape and
 * byte range, then the tensors' bytes. Format: https://huggingface.co/docs/safetensors, "Format".
 *
 * Nothing in the file is trusted. A file is accepted when every tensor's size is what type and shape say, and the
 * tensors together cover the bytes after the header exactly: no overlap, no hole, nothing behind the last one. So a
 * file still being written or cut off is refused too. Alignment is not assumed. */
#ifndef MODEL_SAFETENSORS_H
#define MODEL_SAFETENSORS_H

#include "akidb/embed.h"
#include "model/limits.h"

typedef struct safetensors_entry {
    const char *name; /* valid UTF-8 */
    size_t name_length;
    const char *dtype;            /* as in the file: "F32" */
    size_t shape[MODEL_MAX_RANK]; /* [rank] */
    size_t rank;                  /* 0 = a scalar */
    size_t begin, end;            /* bytes, from the start of the file; within it */
} safetensors_entry;

typedef struct safetensors safetensors;

/* Reads the header of the file data[0..size), which is looked at during the call only. `path` is for messages. On
 * success the caller owns *out. Errors: AKI_MODEL_INVALID (names file and tensor), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status safetensors_parse(safetensors **out, const unsigned char *data, size_t size,
                                            const char *path, aki_error *error);
/* Makes one list of the entries of several files whose names all differ. begins: [count], where each file begins in the bytes that
 * the entries of the result are measured from. Takes the files over, also when it fails: parts[] is all NULL then. Errors:
 * AKI_MODEL_INVALID (a name twice), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status safetensors_join(safetensors **out, safetensors **parts, const size_t *begins,
                                           size_t count, const char *path, aki_error *error);
/* NULL allowed. Entries die with it. */
void safetensors_close(safetensors *file);

size_t safetensors_count(const safetensors *file);
/* In order of name. */
const safetensors_entry *safetensors_at(const safetensors *file, size_t index);
/* NULL = no such tensor. */
const safetensors_entry *safetensors_find(const safetensors *file, const char *name);

#endif
