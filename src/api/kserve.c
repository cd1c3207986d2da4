/* KServe's Open Inference Protocol, version 2, over HTTP: GET /v2, GET /v2/models/{model} and .../ready,
 * POST /v2/models/{model}/infer, with tensors in JSON or behind it as bytes.
 *
 * The model has one input, a BYTES tensor of texts under any name and of any shape, and one output, "embedding", FP32. The
 * request's "parameters" hold the options that all dialects share. In a body with bytes the header
 * Inference-Header-Content-Length says how long the JSON is; a reply's says so too. */
#include "api/kserve.h"

#include "api/field.h"
#include "api/input.h"
#include "api/options.h"
#include "api/vector_json.h"
#include "base/json_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are little-endian, as are floats here");

#define TAIL_BYTES 1024
#define LENGTH_BYTES ((size_t)4) /* before each element of a BYTES tensor */

static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);

static const api_hint hints[] = {
    API_HINTS_WITHOUT_PARAM,
    {HTTP_ERROR_TEXT_TOO_LONG, "Shorten or split the text, or send \"truncate\":true in parameters."},
    {HTTP_ERROR_MODEL_NOT_FOUND, "Name a served model in the path; GET /v1/models lists them."},
    {HTTP_ERROR_TOTAL, NULL}};

static const api_dialect kserve = {
    .text_field = "inputs",
    .example = "{\"inputs\":[{\"name\":\"text\",\"shape\":[1],\"datatype\":\"BYTES\",\"data\":[\"hello\"]}]}",
    .any_media_type = true,
    .hints = hints,
    .write_error = write_error};

static bool refuse(http_error *error, const char *param, const char *message)
{
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, param, "%s", message);
    return false;
}

/* The model's name, with or without the one version that there is. */
bool kserve_check_name(const char *name, const api_service *service, http_error *error)
{
    char bare[256];
    snprintf(bare, sizeof bare, "%s", name);
    api_cut_tag(bare, API_KSERVE_TAG);
    return api_choose_model(service, bare, "model", error);
}

/* ---- The input ---------------------------------------------------------------------------------------- */

/* The product of the shape, at most max_texts. */
static bool read_shape(const json_t *shape, size_t *count, const api_service *service, http_error *error)
{
    size_t index;
    const json_t *size;
    *count = 1;
    if (!json_is_array(shape))
        return field_refuse_type(error, "inputs[0].shape", "a list of whole numbers", shape);
    json_array_foreach(shape, index, size)
    {
        json_int_t number;
        if (!field_read_number(size, "inputs[0].shape", 0, &number, error))
            return false;
        if (number > 0 && *count > SIZE_MAX / (size_t)number)
            return refuse(error, "inputs[0].shape", "the shape has more elements than can be counted");
        *count *= (size_t)number;
    }
    if (*count <= service->max_texts)
        return true;
    http_error_set(error, HTTP_ERROR_TOO_MANY_TEXTS, "inputs[0].shape",
                   "the shape has %zu%s texts; one request takes at most %zu", *count,
                   *count >= INT64_MAX ? " or more" : "", service->max_texts);
    return false;
}

/* Appends the strings of nested lists. The body's depth is bounded. */
static bool flatten(json_t *texts, json_t *data, http_error *error)
{
    size_t index;
    json_t *item;
    json_array_foreach(data, index, item)
    {
        if (json_is_array(item)) {
            if (!flatten(texts, item, error))
                return false;
        } else if (!json_is_string(item)) {
            return field_refuse_type(error, "inputs[0].data", "a list of strings", item);
        } else if (json_array_append(texts, item) != 0) {
            http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
            return false;
        }
    }
    return true;
}

/* Takes elements apart that have their length before them. */
static bool split_bytes(json_t *texts, const char *bytes, size_t length, http_error *error)
{
    while (length > 0) {
        uint32_t size = 0;
        if (length >= LENGTH_BYTES)
            memcpy(&size, bytes, sizeof size);
        if (length < LENGTH_BYTES || size > length - LENGTH_BYTES)
            return refuse(error, "inputs[0]",
                          "the tensor's bytes end within an element: each has its length before it, in four "
                          "bytes, little-endian");
        json_t *text = json_stringn(bytes + LENGTH_BYTES, size);
        if (text == NULL) {
            http_error_set(error, HTTP_ERROR_INVALID_UTF8, "inputs[0]",
                           "element %zu of the tensor is not valid UTF-8", json_array_size(texts));
            return false;
        }
        if (json_array_append_new(texts, text) != 0) {
            http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
            return false;
        }
        bytes += LENGTH_BYTES + size;
        length -= LENGTH_BYTES + size;
    }
    return true;
}

static bool take_elements(json_t *texts, const json_t *tensor, const char *bytes, size_t length,
                          http_error *error)
{
    const json_t *size = field_given(json_object_get(tensor, "parameters"), "binary_data_size");
    json_t *data = field_given(tensor, "data");
    json_int_t count;
    if (size == NULL) {
        if (length > 0)
            return refuse(error, "inputs[0]", "there are bytes behind the JSON, but no binary_data_size");
        return json_is_array(data) ? flatten(texts, data, error)
                                   : field_refuse_type(error, "inputs[0].data", "a list of strings", data);
    }
    if (!field_read_number(size, "inputs[0].parameters.binary_data_size", 0, &count, error))
        return false;
    if (data != NULL)
        return refuse(error, "inputs[0]", "a tensor has either data or binary_data_size");
    if ((uint64_t)count != length) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "inputs[0].parameters.binary_data_size",
                       "binary_data_size is %lld%s, but %zu bytes are behind the JSON", (long long)count,
                       field_beyond(count), length);
        return false;
    }
    return split_bytes(texts, bytes, length, error);
}

/* Puts the tensor's elements into the tree, as the list "texts". */
static bool take_texts(json_t *root, const char *bytes, size_t length, const api_service *service,
                       http_error *error)
{
    const json_t *inputs = json_object_get(root, "inputs"), *tensor = json_array_get(inputs, 0);
    const char *type = json_string_value(json_object_get(tensor, "datatype"));
    size_t expected;
    if (inputs == NULL) {
        http_error_set(error, HTTP_ERROR_MISSING_FIELD, "inputs", "the field inputs is missing");
        return false;
    }
    if (!json_is_array(inputs) || json_array_size(inputs) != 1 || !json_is_object(tensor))
        return refuse(error, "inputs",
                      "inputs must be a list of one tensor: the model's input is one of texts");
    if (type == NULL || strcmp(type, "BYTES") != 0)
        return refuse(error, "inputs[0].datatype", "the datatype must be BYTES: the model's input is texts");
    if (!read_shape(json_object_get(tensor, "shape"), &expected, service, error))
        return false;
    json_t *texts = json_array();
    if (texts == NULL || json_object_set_new(root, "texts", texts) != 0) {
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the texts");
        return false;
    }
    if (!take_elements(texts, tensor, bytes, length, error))
        return false;
    if (json_array_size(texts) == expected)
        return true;
    http_error_set(error, HTTP_ERROR_INVALID_VALUE, "inputs[0].shape",
                   "the shape says %zu elements, and the tensor has %zu", expected, json_array_size(texts));
    return false;
}

/* Sets the length of the JSON within the body. */
static bool read_head(const api_request *request, size_t *length, http_error *error)
{
    *length = request->length;
    if (request->head_length == NULL)
        return true;
    const size_t digits = strspn(request->head_length, "0123456789");
    const bool whole = digits > 0 && digits < 12 && request->head_length[digits] == '\0';
    size_t given = 0;
    if (whole)
        sscanf(request->head_length, "%zu", &given);
    if (!whole || given > request->length) {
        http_error_set(
            error, HTTP_ERROR_INVALID_VALUE, NULL,
            "Inference-Header-Content-Length must be a number up to the body's %zu bytes, not %.20s",
            request->length, request->head_length);
        return false;
    }
    *length = given;
    return true;
}

/* ---- Outputs ------------------------------------------------------------------------------------------ */

static bool read_binary(const json_t *parameters, const char *name, bool *binary, http_error *error)
{
    const json_t *value = field_given(parameters, name);
    return value == NULL || field_read_switch(value, name, binary, error);
}

/* In which form the vectors are asked for. "classification" and shared memory are not offered. */
static bool read_outputs(api_call *call, http_error *error)
{
    const json_t *outputs = field_given(call->root, "outputs"), *output = json_array_get(outputs, 0);
    bool binary = false;
    if (!read_binary(field_given(call->root, "parameters"), "binary_data_output", &binary, error))
        return false;
    if (outputs != NULL && !json_is_array(outputs))
        return field_refuse_type(error, "outputs", "a list", outputs);
    if (json_array_size(outputs) > 1)
        return refuse(error, "outputs", "the model has one output, \"" KSERVE_OUTPUT_NAME "\"");
    if (output != NULL) {
        const char *name = json_string_value(json_object_get(output, "name"));
        const json_t *parameters = field_given(output, "parameters");
        if (name == NULL || strcmp(name, KSERVE_OUTPUT_NAME) != 0)
            return refuse(error, "outputs[0].name", "the model has one output, \"" KSERVE_OUTPUT_NAME "\"");
        if (field_given(parameters, "classification") != NULL ||
            field_given(parameters, "shared_memory_region") != NULL)
            return refuse(error, "outputs[0].parameters",
                          "classification and shared memory are not implemented");
        if (!read_binary(parameters, "binary_data", &binary, error))
            return false;
    }
    call->variant = binary ? KSERVE_BINARY : KSERVE_JSON;
    return true;
}

static const api_field fields[] = {{"truncate", option_truncate},
                                   {"truncation_direction", option_side},
                                   {"normalize", option_normalize},
                                   {"dimensions", option_dimensions},
                                   {NULL, NULL}};

bool kserve_infer_fields(api_call *call, const char *bytes, size_t length, const api_service *service,
                         http_error *error)
{
    const json_t *id = field_given(call->root, "id"), *parameters = field_given(call->root, "parameters");
    if (id != NULL && !json_is_string(id))
        return field_refuse_type(error, "id", "a string", id);
    if (parameters != NULL && !json_is_object(parameters))
        return field_refuse_type(error, "parameters", "an object", parameters);
    call->keeps_input = true; /* the reply repeats the id */
    return take_texts(call->root, bytes, length, service, error) && read_outputs(call, error) &&
           options_read(call, parameters, fields, service, error) &&
           input_read(call, "inputs", json_object_get(call->root, "texts"), INPUT_EMPTY, service, error) &&
           input_cut(call, service, error);
}

static bool read_infer(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    api_request head = *request;
    return kserve_check_name(request->name, service, error) && read_head(request, &head.length, error) &&
           input_load(call, &head, "inputs", service, error) &&
           kserve_infer_fields(call, request->body + head.length, request->length - head.length, service,
                               error);
}

static size_t bound_infer(const api_call *call, const api_result *result, const api_service *service)
{
    const size_t all = vector_json_bound(call, result, LENGTH_BYTES),
                 tail = TAIL_BYTES +
                        6 * (strlen(service->model_name) + json_string_length(field_given(call->root, "id")));
    return all < SIZE_MAX - tail ? all + tail : SIZE_MAX;
}

static aki_status append_floats(vector_json_writer *w, size_t index, size_t dimension, buf *out,
                                aki_error *error)
{
    const float *vector = vector_json_get(w, index);
    const aki_status status = vector_json_check(vector, dimension, index, error);
    if (status == AKI_OK)
        buf_append(out, vector, dimension * sizeof *vector);
    return status;
}

static aki_status append_output(vector_json_writer *w, const api_result *result, bool binary,
                                size_t dimension, buf *out, aki_error *error)
{
    buf_printf(out,
               "\"outputs\":[{\"name\":\"" KSERVE_OUTPUT_NAME "\",\"datatype\":\"FP32\",\"shape\":[%zu,%zu],",
               result->count, dimension);
    aki_status status = AKI_OK;
    if (binary) {
        buf_printf(out, "\"parameters\":{\"binary_data_size\":%zu}}]}",
                   result->count * dimension * sizeof(float));
        *result->head_length = out->length;
        for (size_t i = 0; i < result->count && status == AKI_OK; i++)
            status = append_floats(w, i, dimension, out, error);
        return status;
    }
    buf_append_string(out, "\"data\":");
    status = vector_json_append_all(w, API_OUTPUT_FLOAT, out, error);
    buf_append_string(out, "}]}\n");
    return status;
}

static aki_status write_infer(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    const json_t *id = field_given(call->root, "id");
    buf_append_string(out, "{\"model_name\":");
    json_text_append_string(out, service->model_name);
    buf_append_string(out, ",\"model_version\":\"1\",");
    if (id != NULL) {
        buf_append_string(out, "\"id\":");
        json_text_append(out, json_string_value(id), json_string_length(id));
        buf_append_char(out, ',');
    }
    vector_json_writer w;
    aki_status status = vector_json_writer_open(&w, call, result, error);
    if (status == AKI_OK)
        status = append_output(&w, result, call->variant == KSERVE_BINARY,
                               vector_json_dimension(call, result), out, error);
    vector_json_writer_close(&w);
    return status;
}

/* ---- The model ---------------------------------------------------------------------------------------- */

static bool read_model(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    (void)call;
    if (!kserve_check_name(request->name, service, error))
        return false;
    if (service->enc == NULL)
        http_error_set(error, HTTP_ERROR_LOADING, NULL, "the model is still being loaded");
    return service->enc != NULL;
}

static aki_status write_server(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    (void)call, (void)result, (void)service, (void)error;
    buf_printf(out, "{\"name\":\"akidb-embed\",\"version\":\"%s\",\"extensions\":[\"binary_tensor_data\"]}\n",
               aki_version());
    return AKI_OK;
}

static aki_status write_model(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    (void)call, (void)result, (void)error;
    buf_append_string(out, "{\"name\":");
    json_text_append_string(out, service->model_name);
    buf_printf(out,
               ",\"versions\":[\"1\"],\"platform\":\"" KSERVE_PLATFORM "\","
               "\"inputs\":[{\"name\":\"text\",\"datatype\":\"BYTES\",\"shape\":[-1]}],"
               "\"outputs\":[{\"name\":\"" KSERVE_OUTPUT_NAME
               "\",\"datatype\":\"FP32\",\"shape\":[-1,%zu]}]}\n",
               encoder_dimension(service->enc));
    return AKI_OK;
}

static aki_status write_ready(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    (void)call, (void)result, (void)error;
    buf_append_string(out, "{\"name\":");
    json_text_append_string(out, service->model_name);
    buf_append_string(out, ",\"ready\":true}\n");
    return AKI_OK;
}

/* Clients cannot print an "error" that is no string. */
static unsigned write_error(const http_error *error, const api_service *service, const char *request_id,
                            buf *out)
{
    (void)request_id;
    char text[API_ERROR_TEXT_BYTES];
    api_error_text(error, &kserve, service, text);
    buf_append_string(out, "{\"error\":");
    json_text_append_visible(out, text, strlen(text));
    buf_append_string(out, "}\n");
    return http_error_status(error->code);
}

static const api_description infer_form = {
    .members =
        "'id':{'type':['string','null']},"
        "'inputs':{'type':'array','minItems':1,'maxItems':1,'items':{'type':'object',"
        "'required':['name','shape','datatype'],'properties':{'name':{'type':'string'},"
        "'shape':{'type':'array','items':{'type':'integer','minimum':0}},'datatype':{'const':'BYTES'},"
        "'data':{'type':'array'},"
        "'parameters':{'type':['object','null'],'properties':{'binary_data_size':{'type':'integer'}}}}}},"
        "'outputs':{'type':['array','null'],'maxItems':1,'items':{'type':'object','properties':{"
        "'name':{'const':'" KSERVE_OUTPUT_NAME "'},"
        "'parameters':{'type':'object','properties':{'binary_data':{'type':'boolean'}}}}}}",
    .nested = "parameters",
    .nested_members = "'binary_data_output':{'type':'boolean'}",
    .fields = {fields},
    .required = "'inputs'",
    .reply = "{'type':'object','required':['model_name','outputs']}"};
static const api_description server_form = {.reply = "{'type':'object','required':['name','version']}"};
static const api_description model_form = {.reply = "{'type':'object','required':['name']}"};

const api_operation kserve_infer = {&kserve, read_infer, bound_infer, write_infer, &infer_form};
const api_operation kserve_server = {&kserve, NULL, NULL, write_server, &server_form};
const api_operation kserve_model = {&kserve, read_model, NULL, write_model, &model_form};
const api_operation kserve_ready = {&kserve, read_model, NULL, write_ready, &model_form};
