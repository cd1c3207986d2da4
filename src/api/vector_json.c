#include "api/vector_json.h"

#include "api/float_text.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/pooling.h"

#include <math.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "base64 vectors are the host's bytes, little-endian");

#define INT8_SCALE 127.0F

static aki_status refuse_not_finite(size_t index, aki_error *error)
{
    aki_status status =
        error_set(error, AKI_NOT_FINITE, "the vector of text %zu holds NaN or infinity", index);
    error_at_text(error, index);
    return status;
}

aki_status vector_json_write_numbers(const float *vector, size_t dimension, size_t index, buf *out,
                                     aki_error *error)
{
    char *at = buf_reserve(out, dimension * (FLOAT_TEXT_MAX + 1) + 2);
    if (at == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    at[0] = '[';
    size_t length = float_text_write_list(vector, dimension, at + 1);
    if (length == 0)
        return refuse_not_finite(index, error);
    at[length + 1] = ']';
    buf_commit(out, length + 2);
    return AKI_OK;
}

aki_status vector_json_check(const float *vector, size_t dimension, size_t index, aki_error *error)
{
    for (size_t d = 0; d < dimension; d++)
        if (!isfinite(vector[d]))
            return refuse_not_finite(index, error);
    return AKI_OK;
}

aki_status vector_json_write_base64(const float *vector, size_t dimension, size_t index, buf *out,
                                    aki_error *error)
{
    aki_status status = vector_json_check(vector, dimension, index, error);
    if (status != AKI_OK)
        return status;
    buf_append_char(out, '"');
    base64_append(out, vector, dimension * sizeof *vector);
    buf_append_char(out, '"');
    return AKI_OK;
}

size_t vector_json_dimension(const api_call *call, const api_result *result)
{
    return call->dimensions > 0 && call->dimensions < result->dimension ? call->dimensions
                                                                        : result->dimension;
}

aki_status vector_json_writer_open(vector_json_writer *w, const api_call *call, const api_result *result,
                                   aki_error *error)
{
    const unsigned whole = API_OUTPUT_INT8 | API_OUTPUT_UINT8 | API_OUTPUT_BINARY | API_OUTPUT_UBINARY;
    const size_t dimension = vector_json_dimension(call, result);
    *w = (vector_json_writer){.call = call, .result = result};
    if (dimension < result->dimension)
        w->cut = mem_alloc(dimension, sizeof *w->cut);
    if ((call->outputs & whole) != 0)
        w->bytes = mem_alloc(dimension, 1);
    if ((dimension < result->dimension && w->cut == NULL) ||
        ((call->outputs & whole) != 0 && w->bytes == NULL))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    return AKI_OK;
}

void vector_json_writer_close(vector_json_writer *w)
{
    mem_free(w->cut);
    mem_free(w->bytes);
}

const float *vector_json_cut(const float *vector, size_t dimension, bool normalize, float *out)
{
    memcpy(out, vector, dimension * sizeof *out);
    if (normalize)
        pooling_normalize(out, dimension);
    return out;
}

const float *vector_json_get(vector_json_writer *w, size_t index)
{
    const float *vector = w->result->vectors + index * w->result->dimension;
    if (w->cut == NULL)
        return vector;
    return vector_json_cut(vector, vector_json_dimension(w->call, w->result),
                           w->call->options.normalize != AKI_OFF, w->cut);
}

/* Fills w->bytes; returns how many. */
static size_t quantise(vector_json_writer *w, const float *vector, size_t dimension, api_output output)
{
    unsigned char *bytes = (unsigned char *)w->bytes;
    if (output == API_OUTPUT_INT8 || output == API_OUTPUT_UINT8) {
        const int shift = output == API_OUTPUT_UINT8 ? 128 : 0;
        for (size_t d = 0; d < dimension; d++) {
            const float scaled = nearbyintf(vector[d] * INT8_SCALE);
            const float bounded = scaled > INT8_SCALE    ? INT8_SCALE
                                  : scaled < -INT8_SCALE ? -INT8_SCALE
                                                         : scaled;
            bytes[d] = (unsigned char)((int)bounded + shift);
        }
        return dimension;
    }
    for (size_t b = 0; b < dimension / 8; b++) {
        unsigned byte = 0;
        for (size_t d = 0; d < 8; d++)
            byte = byte << 1 | (vector[b * 8 + d] > 0);
        bytes[b] = (unsigned char)(output == API_OUTPUT_BINARY ? byte - 128 : byte);
    }
    return dimension / 8;
}

static aki_status append_whole(vector_json_writer *w, const float *vector, size_t index, api_output output,
                               buf *out, aki_error *error)
{
    const size_t dimension = vector_json_dimension(w->call, w->result);
    aki_status status = vector_json_check(vector, dimension, index, error);
    if (status != AKI_OK)
        return status;
    const size_t count = quantise(w, vector, dimension, output);
    const bool is_signed = output == API_OUTPUT_INT8 || output == API_OUTPUT_BINARY;
    buf_append_char(out, w->call->packed ? '"' : '[');
    if (w->call->packed)
        base64_append(out, w->bytes, count);
    for (size_t i = 0; i < count && !w->call->packed; i++)
        buf_printf(out, i > 0 ? ",%d" : "%d",
                   is_signed ? (int)(signed char)w->bytes[i] : (int)(unsigned char)w->bytes[i]);
    if (!buf_append_char(out, w->call->packed ? '"' : ']'))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    return AKI_OK;
}

aki_status vector_json_append(vector_json_writer *w, size_t index, api_output output, buf *out,
                              aki_error *error)
{
    const float *vector = vector_json_get(w, index);
    const size_t dimension = vector_json_dimension(w->call, w->result);
    if (output == API_OUTPUT_FLOAT)
        return vector_json_write_numbers(vector, dimension, index, out, error);
    if (output == API_OUTPUT_BASE64)
        return vector_json_write_base64(vector, dimension, index, out, error);
    return append_whole(w, vector, index, output, out, error);
}

const char *const vector_json_types[API_OUTPUTS] = {"float", "base64", "int8", "uint8", "ubinary", "binary"};

aki_status vector_json_append_types(vector_json_writer *w, size_t index, buf *out, aki_error *error)
{
    aki_status status = AKI_OK;
    const char *separator = "{";
    for (size_t i = 0; i < API_OUTPUTS && status == AKI_OK; i++) {
        if ((w->call->outputs & 1U << i) == 0)
            continue;
        buf_printf(out, "%s\"%s\":", separator, vector_json_types[i]);
        status = vector_json_append(w, index, (api_output)(1U << i), out, error);
        separator = ",";
    }
    buf_append_char(out, '}');
    return status;
}

aki_status vector_json_append_all(vector_json_writer *w, api_output output, buf *out, aki_error *error)
{
    aki_status status = AKI_OK;
    buf_append_char(out, '[');
    for (size_t i = 0; i < w->result->count && status == AKI_OK; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        status = vector_json_append(w, i, output, out, error);
    }
    buf_append_char(out, ']');
    return status;
}

size_t vector_json_bound(const api_call *call, const api_result *result, size_t extra)
{
    size_t outputs = 0, vector, all;
    for (unsigned bits = call->outputs; bits != 0; bits &= bits - 1)
        outputs++;
    if (!size_mul(vector_json_dimension(call, result), FLOAT_TEXT_MAX + 1, &vector) ||
        !size_mul(vector, outputs > 0 ? outputs : 1, &vector) || !size_add(vector, extra, &vector) ||
        !size_mul(vector, result->count, &all))
        return SIZE_MAX;
    return all;
}
