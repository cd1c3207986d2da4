/* Vectors as bytes of a file: JSONL, .npy, .fvecs. Pure: everything goes into a buffer. */
#ifndef CLI_BULK_VECTOR_FORMAT_H
#define CLI_BULK_VECTOR_FORMAT_H

#include "base/buf.h"

#include <stdint.h>

typedef enum vector_format {
    VECTORS_JSONL, /* {"index":0,"embedding":[...]} per line */
    VECTORS_NPY,   /* numpy's format 1.0: a header, then float32 [texts][dimension], little-endian, C order */
    VECTORS_FVECS, /* per vector int32 dimension, then float32 values, little-endian */
} vector_format;

/* The kind of numbers that are written for a text. Only JSONL takes other kinds than DENSE. */
typedef enum vector_kind {
    VECTORS_DENSE,
    VECTORS_SPARSE, /* "embedding":{"indices":[...],"values":[...]} */
    VECTORS_TOKENS, /* "embedding":[[...],[...]] */
} vector_kind;

typedef struct vector_record {
    uint64_t index; /* of the text in the input, from 0 */
    const char *id; /* JSON, or NULL */
    bool truncated;
    vector_kind kind;
    const float *vector; /* [dimension]; TOKENS: [rows][dimension] */
    size_t dimension;
    const int32_t *ids; /* SPARSE: [dimension] */
    size_t rows;        /* TOKENS */
} vector_record;

#define NPY_HEADER_BYTES 128

/* Appends what stands before the first vector. .npy names the number of rows there: it is written again, with the
 * final number, over the first NPY_HEADER_BYTES bytes. */
bool vectors_begin(buf *out, vector_format format, uint64_t rows, size_t dimension);
bool vectors_append(buf *out, vector_format format, const vector_record *record);

#endif
