/* Vectors as JSON: lists of numbers, base64, whole numbers, bits. Each dialect's reply is made of these. */
#ifndef API_VECTOR_JSON_H
#define API_VECTOR_JSON_H

#include "api/api.h"

/* Each appends one value, or fails with AKI_NOT_FINITE, which names the text by index, or AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status vector_json_write_numbers(const float *vector, size_t dimension, size_t index,
                                                    buf *out, aki_error *error);
AKI_MUST_CHECK aki_status vector_json_write_base64(const float *vector, size_t dimension, size_t index,
                                                   buf *out, aki_error *error);

/* Error: AKI_NOT_FINITE. */
AKI_MUST_CHECK aki_status vector_json_check(const float *vector, size_t dimension, size_t index,
                                            aki_error *error);

/* The first `dimension` numbers in `out` ([dimension]), which is returned; of length 1 where they are normalised. */
const float *vector_json_cut(const float *vector, size_t dimension, bool normalize, float *out);

/* Writes the vectors of one call, cut and normalised again where it asks for that. */
typedef struct vector_json_writer {
    const api_call *call;
    const api_result *result;
    float *cut;  /* [dimension]; NULL where vectors stay as they are */
    char *bytes; /* [dimension]; NULL where there are no whole numbers */
} vector_json_writer;

/* Error: AKI_OUT_OF_MEMORY. Ends in vector_json_writer_close, on failure too. */
AKI_MUST_CHECK aki_status vector_json_writer_open(vector_json_writer *w, const api_call *call,
                                                  const api_result *result, aki_error *error);
void vector_json_writer_close(vector_json_writer *w);

/* Numbers per vector in the reply. */
size_t vector_json_dimension(const api_call *call, const api_result *result);
/* The vector of a text, as it is to be told; until the next call for another one. */
const float *vector_json_get(vector_json_writer *w, size_t index);
/* Appends the vector of a text as one JSON value. Errors as above. */
AKI_MUST_CHECK aki_status vector_json_append(vector_json_writer *w, size_t index, api_output output, buf *out,
                                             aki_error *error);
/* Likewise all of the call's outputs: {"float":…,"int8":…}. */
AKI_MUST_CHECK aki_status vector_json_append_types(vector_json_writer *w, size_t index, buf *out,
                                                   aki_error *error);
/* In the order of api_output's bits. */
extern const char *const vector_json_types[API_OUTPUTS];
/* Appends "[v,v,…]" of all texts. */
AKI_MUST_CHECK aki_status vector_json_append_all(vector_json_writer *w, api_output output, buf *out,
                                                 aki_error *error);

/* Upper bound of all vectors in all the call's outputs, with `extra` bytes for each; SIZE_MAX when it does not fit. */
size_t vector_json_bound(const api_call *call, const api_result *result, size_t extra);

#endif
