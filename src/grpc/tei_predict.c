/* Predict and PredictPair of tei.v1: the labels of a text or of a pair of texts, with their scores, the best first. */
#include "grpc/methods.h"

#include "api/tei.h"
#include "api/vector_json.h"
#include "base/error.h"
#include "base/memory.h"
#include "grpc/message.h"
#include "grpc/tei.pb-c.h"
#include "grpc/tei_call.h"

#include <string.h>

/* Of a label in a reply, beside its text. */
#define LABEL_BYTES 16

static bool read_predict(api_call *call, const api_request *request, const api_service *service,
                         http_error *error)
{
    Tei__V1__PredictRequest *message =
        grpc_message_read(&tei__v1__predict_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    const size_t characters = grpc_tei_characters(message->inputs);
    const bool done = grpc_tei_begin(call, error) &&
                      grpc_tei_set_text(call->root, message->inputs, message->truncate,
                                        message->truncation_direction, error) &&
                      grpc_json_set(call->root, "raw_scores", json_boolean(message->raw_scores), error) &&
                      tei_predict_fields(call, service, error);
    grpc_tei_count(call, characters);
    grpc_message_free(message);
    return done;
}

static bool read_pair(api_call *call, const api_request *request, const api_service *service,
                      http_error *error)
{
    Tei__V1__PredictPairRequest *message =
        grpc_message_read(&tei__v1__predict_pair_request__descriptor, request, service, error);
    if (message == NULL)
        return false;
    size_t characters = 0;
    for (size_t i = 0; i < message->n_inputs; i++)
        characters += grpc_tei_characters(message->inputs[i]);
    bool done = message->n_inputs == 2 && grpc_tei_begin(call, error);
    if (message->n_inputs != 2)
        http_error_set(error, HTTP_ERROR_INVALID_VALUE, "inputs", "a pair has two texts; these are %zu",
                       message->n_inputs);
    done =
        done &&
        grpc_json_set(call->root, "inputs", grpc_tei_strings(message->inputs, 2, "inputs", error), error) &&
        grpc_tei_set_cut(call->root, message->truncate, message->truncation_direction, error) &&
        grpc_json_set(call->root, "raw_scores", json_boolean(message->raw_scores), error) &&
        tei_predict_fields(call, service, error);
    grpc_tei_count(call, characters);
    grpc_message_free(message);
    return done;
}

static size_t bound_predict(const api_call *call, const api_result *result, const api_service *service)
{
    (void)call;
    size_t bytes = GRPC_TEI_REST_BYTES;
    for (size_t i = 0; i < result->dimension; i++)
        bytes += LABEL_BYTES + strlen(encoder_label(service->enc, i));
    return bytes;
}

/* Of one text's logits. labels, list: [result->dimension]. */
static aki_status fill_labels(const api_call *call, const api_result *result, const api_service *service,
                              Tei__V1__Prediction *labels, Tei__V1__Prediction **list, aki_error *error)
{
    const size_t count = result->dimension;
    float *scores = mem_alloc(count, sizeof *scores);
    size_t *order = mem_alloc(count, sizeof *order);
    aki_status status = scores != NULL && order != NULL
                            ? AKI_OK
                            : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    if (status == AKI_OK) {
        memcpy(scores, result->vectors, count * sizeof *scores);
        encoder_scores(service->enc, call->scores, scores);
        status = vector_json_check(scores, count, 0, error);
    }
    if (status == AKI_OK)
        encoder_order(scores, count, order);
    for (size_t i = 0; i < count && status == AKI_OK; i++) {
        list[i] = &labels[i];
        tei__v1__prediction__init(&labels[i]);
        labels[i].score = scores[order[i]];
        labels[i].label = grpc_text(encoder_label(service->enc, order[i]));
    }
    mem_free(order);
    mem_free(scores);
    return status;
}

static aki_status write_predict(const api_call *call, const api_result *result, const api_service *service,
                                buf *out, aki_error *error)
{
    Tei__V1__PredictResponse reply = TEI__V1__PREDICT_RESPONSE__INIT;
    Tei__V1__Metadata metadata;
    Tei__V1__Prediction *labels = mem_alloc(result->dimension, sizeof *labels),
                        **list = mem_alloc(result->dimension, sizeof *list);
    aki_status status = labels != NULL && list != NULL
                            ? fill_labels(call, result, service, labels, list, error)
                            : error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    reply.n_predictions = result->dimension;
    reply.predictions = list;
    reply.metadata = grpc_tei_metadata(call, result, &metadata);
    if (status == AKI_OK)
        status = grpc_message_append(out, &reply.base, error);
    mem_free(list);
    mem_free(labels);
    return status;
}

const api_operation grpc_tei_predict = {&grpc_dialect, read_predict, bound_predict,
                                        write_predict, NULL,         .use = ENCODER_CLASSIFIES};
const api_operation grpc_tei_predict_pair = {&grpc_dialect, read_pair, bound_predict,
                                             write_predict, NULL,      .use = ENCODER_CLASSIFIES};
