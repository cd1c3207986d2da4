/* KServe's service inference.GRPCInferenceService. A call for vectors becomes the JSON that KServe's HTTP interface takes and is read
 * by its reader (api/kserve.h). The reply's numbers are bytes where the request's texts are, or where it asks for that. */
#include "grpc/methods.h"

#include "api/kserve.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/memory.h"
#include "grpc/kserve.pb-c.h"
#include "grpc/message.h"

#include <stdio.h>

/* Of a reply, beside the numbers, the id and the name. */
#define REST_BYTES ((size_t)512)
#define NAME_BYTES 300

/* ---- The request as JSON --------------------------------------------------------------------------------------- */

static json_t *value_of(const Inference__InferParameter *parameter, http_error *error)
{
    switch (parameter != NULL ? parameter->parameter_choice_case
                              : INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE__NOT_SET) {
    case INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_BOOL_PARAM:
        return json_boolean(parameter->bool_param);
    case INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_INT64_PARAM:
        return json_integer(parameter->int64_param);
    case INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_STRING_PARAM:
        return grpc_json_string(parameter->string_param, "parameters", error);
    case INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_DOUBLE_PARAM:
        return json_real(parameter->double_param);
    case INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_UINT64_PARAM:
        return json_integer(parameter->uint64_param < INT64_MAX ? (json_int_t)parameter->uint64_param
                                                                : INT64_MAX);
    default:
        return json_null();
    }
}

/* The entries of the three maps have the same members, each under a name of its own. */
typedef Inference__ModelInferRequest__ParametersEntry entry;

static bool set_parameters(json_t *object, size_t count, entry *const *entries, http_error *error)
{
    if (count == 0)
        return true;
    json_t *parameters = json_object();
    if (!grpc_json_set(object, "parameters", parameters, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *name = entries[i]->key;
        json_t *value = value_of(entries[i]->value, error);
        if (value == NULL || json_object_set_new(parameters, name, value) != 0) {
            if (error->message[0] == '\0')
                http_error_set(error, HTTP_ERROR_INVALID_VALUE, "parameters",
                               "a parameter has a name that is not UTF-8, or a value that is no number");
            return false;
        }
    }
    return true;
}

static json_t *texts_of(const Inference__InferTensorContents *contents, http_error *error)
{
    json_t *texts = json_array();
    for (size_t i = 0; contents != NULL && i < contents->n_bytes_contents; i++) {
        json_t *text = grpc_json_string(contents->bytes_contents[i], "inputs[0].contents", error);
        if (text == NULL || json_array_append_new(texts, text) != 0) {
            json_decref(texts);
            return NULL;
        }
    }
    return texts;
}

static json_t *shape_of(const Inference__ModelInferRequest__InferInputTensor *tensor)
{
    json_t *shape = json_array();
    for (size_t i = 0; i < tensor->n_shape; i++)
        if (json_array_append_new(shape, json_integer(tensor->shape[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return shape;
}

static bool set_tensor(json_t *object, const Inference__ModelInferRequest__InferInputTensor *tensor,
                       const ProtobufCBinaryData *raw, http_error *error)
{
    if (!grpc_json_set_string(object, "datatype", tensor->datatype, error) ||
        !grpc_json_set(object, "shape", shape_of(tensor), error))
        return false;
    if (raw == NULL)
        return grpc_json_set(object, "data", texts_of(tensor->contents, error), error);
    if (tensor->contents != NULL) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "inputs[0]",
                       "a tensor has either contents or raw_input_contents");
        return false;
    }
    json_t *parameters = json_object();
    return grpc_json_set(object, "parameters", parameters, error) &&
           grpc_json_set(parameters, "binary_data_size", json_integer((json_int_t)raw->len), error);
}

static bool set_inputs(json_t *root, const Inference__ModelInferRequest *message,
                       const ProtobufCBinaryData *raw, http_error *error)
{
    json_t *inputs = json_array();
    if (!grpc_json_set(root, "inputs", inputs, error))
        return false;
    for (size_t i = 0; i < message->n_inputs && i < 2; i++) { /* a second one is refused by the reader */
        json_t *object = json_object();
        if (json_array_append_new(inputs, object) != 0 || !set_tensor(object, message->inputs[i], raw, error))
            return false;
    }
    return true;
}

static bool set_outputs(json_t *root, const Inference__ModelInferRequest *message, http_error *error)
{
    if (message->n_outputs == 0)
        return true;
    json_t *outputs = json_array();
    if (!grpc_json_set(root, "outputs", outputs, error))
        return false;
    for (size_t i = 0; i < message->n_outputs && i < 2; i++) {
        const Inference__ModelInferRequest__InferRequestedOutputTensor *asked = message->outputs[i];
        json_t *object = json_object();
        if (json_array_append_new(outputs, object) != 0 ||
            !grpc_json_set(object, "name", grpc_json_string(asked->name, "outputs[0].name", error), error) ||
            !set_parameters(object, asked->n_parameters, (entry *const *)asked->parameters, error))
            return false;
    }
    return true;
}

/* name and version together, as a path has them. */
static bool check_model(ProtobufCBinaryData name, ProtobufCBinaryData version, const api_service *service,
                        http_error *error)
{
    char both[NAME_BYTES];
    if (version.len == 0)
        snprintf(both, sizeof both, "%.*s", (int)name.len, name.len > 0 ? (const char *)name.data : "");
    else
        snprintf(both, sizeof both, "%.*s/versions/%.*s", (int)name.len,
                 name.len > 0 ? (const char *)name.data : "", (int)version.len, (const char *)version.data);
    return kserve_check_name(both, service, error);
}

static bool read_message(api_call *call, const Inference__ModelInferRequest *message,
                         const api_service *service, http_error *error)
{
    static const ProtobufCBinaryData none;
    const ProtobufCBinaryData *raw =
        message->n_raw_input_contents > 0 ? &message->raw_input_contents[0] : NULL;
    call->options = (aki_embed_options){.pooling = AKI_POOLING_MODEL, .normalize = AKI_ON};
    error->message[0] = '\0';
    if (!check_model(message->model_name, message->model_version, service, error))
        return false;
    if (raw != NULL && message->n_raw_input_contents != message->n_inputs) {
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "raw_input_contents",
                       "raw_input_contents has %zu elements, and inputs %zu", message->n_raw_input_contents,
                       message->n_inputs);
        return false;
    }
    call->root = json_object();
    const bool done = grpc_json_set_string(call->root, "id", message->id, error) &&
                      set_parameters(call->root, message->n_parameters, message->parameters, error) &&
                      set_inputs(call->root, message, raw, error) && set_outputs(call->root, message, error);
    if (!done) {
        if (error->message[0] == '\0')
            http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the call");
        return false;
    }
    const ProtobufCBinaryData bytes = raw != NULL ? *raw : none;
    if (!kserve_infer_fields(call, bytes.len > 0 ? (const char *)bytes.data : "", bytes.len, service, error))
        return false;
    if (raw != NULL)
        call->variant = KSERVE_BINARY;
    return true;
}

static bool read_infer(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    Inference__ModelInferRequest *message =
        grpc_message_read(&inference__model_infer_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const bool done = read_message(call, message, service, error);
    grpc_message_free(message);
    return done;
}

/* ---- The reply ------------------------------------------------------------------------------------------------- */

static size_t bound_infer(const api_call *call, const api_result *result, const api_service *service)
{
    return REST_BYTES + strlen(service->model_name) + json_string_length(json_object_get(call->root, "id")) +
           result->count * vector_json_dimension(call, result) * sizeof(float);
}

/* The vectors end to end, where they are, or in *own where each is cut. NULL with *error filled. */
static const float *collect(const api_call *call, const api_result *result, float **own, aki_error *error)
{
    const size_t dimension = vector_json_dimension(call, result);
    vector_json_writer w;
    aki_status status = vector_json_writer_open(&w, call, result, error);
    if (status == AKI_OK && dimension != result->dimension &&
        (*own = mem_alloc(result->count * dimension, sizeof **own)) == NULL)
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    for (size_t i = 0; i < result->count && status == AKI_OK; i++) {
        const float *vector = vector_json_get(&w, i);
        status = vector_json_check(vector, dimension, i, error);
        if (*own != NULL)
            memcpy(*own + i * dimension, vector, dimension * sizeof *vector);
    }
    vector_json_writer_close(&w);
    if (status != AKI_OK)
        return NULL;
    return *own != NULL ? *own : result->vectors;
}

static aki_status write_infer(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    Inference__ModelInferResponse reply = INFERENCE__MODEL_INFER_RESPONSE__INIT;
    Inference__ModelInferResponse__InferOutputTensor tensor =
        INFERENCE__MODEL_INFER_RESPONSE__INFER_OUTPUT_TENSOR__INIT;
    Inference__ModelInferResponse__InferOutputTensor *tensors = &tensor;
    Inference__InferTensorContents contents = INFERENCE__INFER_TENSOR_CONTENTS__INIT;
    const json_t *id = json_object_get(call->root, "id");
    const size_t dimension = vector_json_dimension(call, result), count = result->count * dimension;
    int64_t shape[] = {(int64_t)result->count, (int64_t)dimension};
    float *own = NULL;
    const float *vectors = collect(call, result, &own, error);
    if (vectors == NULL) {
        mem_free(own);
        return error->status;
    }
    ProtobufCBinaryData raw = {count * sizeof *vectors, (uint8_t *)(uintptr_t)vectors};
    reply.model_name = grpc_text(service->model_name);
    reply.model_version = grpc_text("1");
    reply.id = (ProtobufCBinaryData){json_string_length(id), (uint8_t *)(uintptr_t)json_string_value(id)};
    tensor.name = grpc_text(KSERVE_OUTPUT_NAME);
    tensor.datatype = grpc_text("FP32");
    tensor.n_shape = sizeof shape / sizeof shape[0];
    tensor.shape = shape;
    reply.n_outputs = 1;
    reply.outputs = &tensors;
    if (call->variant == KSERVE_BINARY) {
        reply.n_raw_output_contents = 1;
        reply.raw_output_contents = &raw;
    } else {
        contents.n_fp32_contents = count;
        contents.fp32_contents = (float *)(uintptr_t)vectors;
        tensor.contents = &contents;
    }
    const aki_status status = grpc_message_append(out, &reply.base, error);
    mem_free(own);
    return status;
}

/* ---- Server and model ------------------------------------------------------------------------------------------ */

static bool take_empty(const ProtobufCMessageDescriptor *type, const api_request *request,
                       const api_service *service, http_error *error)
{
    void *message = grpc_message_read(type, request, service, error);
    grpc_message_free(message);
    return message != NULL;
}

static bool read_live(api_call *call, const api_request *request, const api_service *service,
                      http_error *error)
{
    (void)call;
    return take_empty(&inference__server_live_request__descriptor, request, service, error);
}

static aki_status write_live(const api_call *call, const api_result *result, const api_service *service,
                             buf *out, aki_error *error)
{
    (void)call, (void)result;
    Inference__ServerLiveResponse reply = INFERENCE__SERVER_LIVE_RESPONSE__INIT;
    reply.live = service->is_live(service->server);
    return grpc_message_append(out, &reply.base, error);
}

static bool read_ready(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    (void)call;
    return take_empty(&inference__server_ready_request__descriptor, request, service, error);
}

static aki_status write_ready(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    (void)call, (void)result;
    Inference__ServerReadyResponse reply = INFERENCE__SERVER_READY_RESPONSE__INIT;
    reply.ready = service->is_ready(service->server);
    return grpc_message_append(out, &reply.base, error);
}

static bool read_model_ready(api_call *call, const api_request *request, const api_service *service,
                             http_error *error)
{
    (void)call;
    Inference__ModelReadyRequest *message =
        grpc_message_read(&inference__model_ready_request__descriptor, request, service, error);
    const bool known = message != NULL && check_model(message->name, message->version, service, error);
    grpc_message_free(message);
    return known;
}

static aki_status write_model_ready(const api_call *call, const api_result *result,
                                    const api_service *service, buf *out, aki_error *error)
{
    (void)call, (void)result;
    Inference__ModelReadyResponse reply = INFERENCE__MODEL_READY_RESPONSE__INIT;
    reply.ready = service->is_ready(service->server);
    return grpc_message_append(out, &reply.base, error);
}

static bool read_server(api_call *call, const api_request *request, const api_service *service,
                        http_error *error)
{
    (void)call;
    return take_empty(&inference__server_metadata_request__descriptor, request, service, error);
}

static aki_status write_server(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    (void)call, (void)result, (void)service;
    Inference__ServerMetadataResponse reply = INFERENCE__SERVER_METADATA_RESPONSE__INIT;
    reply.name = grpc_text("akidb-embed");
    reply.version = grpc_text(aki_version());
    return grpc_message_append(out, &reply.base, error);
}

static bool read_model(api_call *call, const api_request *request, const api_service *service,
                       http_error *error)
{
    (void)call;
    Inference__ModelMetadataRequest *message =
        grpc_message_read(&inference__model_metadata_request__descriptor, request, service, error);
    const bool known = message != NULL && check_model(message->name, message->version, service, error);
    grpc_message_free(message);
    return known;
}

static aki_status write_model(const api_call *call, const api_result *result, const api_service *service,
                              buf *out, aki_error *error)
{
    (void)call, (void)result;
    Inference__ModelMetadataResponse reply = INFERENCE__MODEL_METADATA_RESPONSE__INIT;
    Inference__ModelMetadataResponse__TensorMetadata
        input = INFERENCE__MODEL_METADATA_RESPONSE__TENSOR_METADATA__INIT,
        output = INFERENCE__MODEL_METADATA_RESPONSE__TENSOR_METADATA__INIT;
    Inference__ModelMetadataResponse__TensorMetadata *inputs = &input, *outputs = &output;
    int64_t texts = -1, vectors[] = {-1, (int64_t)encoder_dimension(service->enc)};
    ProtobufCBinaryData version = grpc_text("1");
    input.name = grpc_text("text");
    input.datatype = grpc_text("BYTES");
    input.n_shape = 1;
    input.shape = &texts;
    output.name = grpc_text(KSERVE_OUTPUT_NAME);
    output.datatype = grpc_text("FP32");
    output.n_shape = 2;
    output.shape = vectors;
    reply.name = grpc_text(service->model_name);
    reply.n_versions = 1;
    reply.versions = &version;
    reply.platform = grpc_text(KSERVE_PLATFORM);
    reply.n_inputs = reply.n_outputs = 1;
    reply.inputs = &inputs;
    reply.outputs = &outputs;
    return grpc_message_append(out, &reply.base, error);
}

const api_operation grpc_kserve_live = {&grpc_dialect, read_live, NULL, write_live, NULL, true};
const api_operation grpc_kserve_ready = {&grpc_dialect, read_ready, NULL, write_ready, NULL, true};
const api_operation grpc_kserve_model_ready = {&grpc_dialect, read_model_ready, NULL, write_model_ready, NULL,
                                               true};
const api_operation grpc_kserve_server = {&grpc_dialect, read_server, NULL, write_server, NULL, true};
const api_operation grpc_kserve_model = {&grpc_dialect, read_model, NULL, write_model, NULL, false};
const api_operation grpc_kserve_infer = {&grpc_dialect, read_infer, bound_infer, write_infer, NULL, false};
