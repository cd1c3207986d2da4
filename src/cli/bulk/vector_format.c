#include "cli/bulk/vector_format.h"

#include "api/float_text.h"

#include <stdio.h>
#include <string.h>

static bool append_npy_header(buf *out, uint64_t rows, size_t dimension)
{
    /* Magic, version 1.0, length of the rest: 10 bytes; the dictionary is padded with spaces and ends in a line feed. */
    char header[NPY_HEADER_BYTES + 1];
    memcpy(header, "\x93NUMPY\x01\x00", 8);
    header[8] = NPY_HEADER_BYTES - 10;
    header[9] = 0;
    int used = snprintf(header + 10, sizeof header - 10,
                        "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %zu), }",
                        (unsigned long long)rows, dimension);
    memset(header + 10 + used, ' ', NPY_HEADER_BYTES - 10 - (size_t)used);
    header[NPY_HEADER_BYTES - 1] = '\n';
    return buf_append(out, header, NPY_HEADER_BYTES);
}

bool vectors_begin(buf *out, vector_format format, uint64_t rows, size_t dimension)
{
    return format == VECTORS_NPY ? append_npy_header(out, rows, dimension) : true;
}

static bool append_numbers(buf *out, const float *numbers, size_t count)
{
    buf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        char *room = buf_reserve(out, FLOAT_TEXT_MAX + 1);
        if (room == NULL)
            return false;
        room[0] = ',';
        buf_commit(out, (i > 0) + float_text_write(numbers[i], room + (i > 0)));
    }
    return buf_append_char(out, ']');
}

static bool append_sparse(buf *out, const vector_record *record)
{
    buf_append_string(out, "{\"indices\":[");
    for (size_t i = 0; i < record->dimension; i++)
        buf_printf(out, "%s%d", i > 0 ? "," : "", (int)record->ids[i]);
    return buf_append_string(out, "],\"values\":") &&
           append_numbers(out, record->vector, record->dimension) && buf_append_char(out, '}');
}

static bool append_tokens(buf *out, const vector_record *record)
{
    bool done = buf_append_char(out, '[');
    for (size_t i = 0; i < record->rows && done; i++)
        done = (i == 0 || buf_append_char(out, ',')) &&
               append_numbers(out, record->vector + i * record->dimension, record->dimension);
    return done && buf_append_char(out, ']');
}

static bool append_jsonl(buf *out, const vector_record *record)
{
    buf_printf(out, "{\"index\":%llu,", (unsigned long long)record->index);
    if (record->id != NULL) {
        buf_append_string(out, "\"id\":");
        buf_append_string(out, record->id);
        buf_append_char(out, ',');
    }
    if (record->truncated)
        buf_append_string(out, "\"truncated\":true,");
    buf_append_string(out, "\"embedding\":");
    const bool done = record->kind == VECTORS_SPARSE ? append_sparse(out, record)
                      : record->kind == VECTORS_TOKENS
                          ? append_tokens(out, record)
                          : append_numbers(out, record->vector, record->dimension);
    return done && buf_append_string(out, "}\n");
}

bool vectors_append(buf *out, vector_format format, const vector_record *record)
{
    if (format == VECTORS_JSONL)
        return append_jsonl(out, record);
    if (format == VECTORS_FVECS) {
        int32_t dimension = (int32_t)record->dimension;
        buf_append(out, &dimension, sizeof dimension);
    }
    return buf_append(out, record->vector, record->dimension * sizeof *record->vector);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vectors are written as they lie in memory");
