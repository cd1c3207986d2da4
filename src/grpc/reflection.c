/* gRPC's server reflection: grpc.reflection.v1 and v1alpha, whose messages are the same on the wire. */
#include "grpc/methods.h"

#include "base/error.h"
#include "grpc/definitions.h"
#include "grpc/message.h"
#include "grpc/reflection_v1alpha.pb-c.h"
#include "grpc/status.h"

#include <stdio.h>

#define MAX_SERVICES 32
#define MAX_REPLY_BYTES ((size_t)256 << 10)
#define NAME_BYTES 200

typedef Grpc__Reflection__V1alpha__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1alpha__ServerReflectionResponse reflection_reply;
typedef Grpc__Reflection__V1alpha__ServiceResponse service_name;

#define ASKS(what) GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##what
#define TELLS(what) GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##what

typedef struct service_list {
    char names[MAX_SERVICES][NAME_BYTES];
    service_name messages[MAX_SERVICES], *pointers[MAX_SERVICES];
    size_t count;
} service_list;

static void add_service(void *cookie, const char *name, size_t length)
{
    service_list *list = cookie;
    if (list->count == MAX_SERVICES)
        return;
    const size_t i = list->count++;
    snprintf(list->names[i], NAME_BYTES, "%.*s", (int)length, name);
    list->messages[i] = (service_name)GRPC__REFLECTION__V1ALPHA__SERVICE_RESPONSE__INIT;
    list->messages[i].name = grpc_text(list->names[i]);
    list->pointers[i] = &list->messages[i];
}

/* The parts that a reply points to. */
typedef struct answer {
    reflection_reply reply;
    Grpc__Reflection__V1alpha__FileDescriptorResponse files;
    Grpc__Reflection__V1alpha__ListServiceResponse services;
    Grpc__Reflection__V1alpha__ErrorResponse error;
    ProtobufCBinaryData file;
    service_list list;
} answer;

static void tell_error(answer *a, grpc_code code, const char *message)
{
    a->error = (Grpc__Reflection__V1alpha__ErrorResponse)GRPC__REFLECTION__V1ALPHA__ERROR_RESPONSE__INIT;
    a->error.error_code = (int32_t)code;
    a->error.error_message = grpc_text(message);
    a->reply.message_response_case = TELLS(ERROR_RESPONSE);
    a->reply.error_response = &a->error;
}

static void tell_file(answer *a, bool found, const definition_file *file)
{
    if (!found) {
        tell_error(a, GRPC_NOT_FOUND,
                   "there is no such definition here: list the services, and ask for one of them");
        return;
    }
    a->file = (ProtobufCBinaryData){file->bytes, (uint8_t *)(uintptr_t)file->data};
    a->files = (Grpc__Reflection__V1alpha__FileDescriptorResponse)
        GRPC__REFLECTION__V1ALPHA__FILE_DESCRIPTOR_RESPONSE__INIT;
    a->files.n_file_descriptor_proto = 1;
    a->files.file_descriptor_proto = &a->file;
    a->reply.message_response_case = TELLS(FILE_DESCRIPTOR_RESPONSE);
    a->reply.file_descriptor_response = &a->files;
}

static void tell_services(answer *a)
{
    definition_file file;
    for (size_t i = 0; definition_file_at(i, &file); i++)
        definition_each_service(&file, add_service, &a->list);
    a->services = (Grpc__Reflection__V1alpha__ListServiceResponse)
        GRPC__REFLECTION__V1ALPHA__LIST_SERVICE_RESPONSE__INIT;
    a->services.n_service = a->list.count;
    a->services.service = a->list.pointers;
    a->reply.message_response_case = TELLS(LIST_SERVICES_RESPONSE);
    a->reply.list_services_response = &a->services;
}

static void fill(answer *a, reflection_request *asked)
{
    definition_file file;
    a->reply = (reflection_reply)GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_RESPONSE__INIT;
    a->reply.valid_host = asked->host;
    a->reply.original_request = asked;
    switch (asked->message_request_case) {
    case ASKS(FILE_BY_FILENAME):
        tell_file(a,
                  definition_file_named((const char *)asked->file_by_filename.data,
                                        asked->file_by_filename.len, &file),
                  &file);
        break;
    case ASKS(FILE_CONTAINING_SYMBOL):
        tell_file(a,
                  definition_file_with((const char *)asked->file_containing_symbol.data,
                                       asked->file_containing_symbol.len, &file),
                  &file);
        break;
    case ASKS(LIST_SERVICES):
        tell_services(a);
        break;
    case ASKS(FILE_CONTAINING_EXTENSION):
    case ASKS(ALL_EXTENSION_NUMBERS_OF_TYPE):
        tell_error(a, GRPC_NOT_FOUND, "the definitions here have no extensions");
        break;
    default:
        tell_error(a, GRPC_INVALID_ARGUMENT, "the message asks for nothing");
    }
}

/* The reply repeats the request, so it is made here, and kept as the call's input. */
static bool read_question(api_call *call, const api_request *request, const api_service *service,
                          http_error *error)
{
    reflection_request *asked = grpc_message_read(
        &grpc__reflection__v1alpha__server_reflection_request__descriptor, request, service, error);
    if (asked == NULL)
        return false;
    answer a = {.list = {.count = 0}};
    aki_error own;
    buf reply;
    call->keeps_input = true;
    buf_init(&reply, service->max_body_bytes + MAX_REPLY_BYTES);
    fill(&a, asked);
    const bool written = grpc_message_append(&reply, &a.reply.base, &own) == AKI_OK;
    if (written)
        call->root = json_stringn_nocheck(reply.data, reply.length);
    if (call->root == NULL)
        http_error_set(error, HTTP_ERROR_OUT_OF_MEMORY, NULL, "no memory for the reply");
    buf_free(&reply);
    grpc_message_free(asked);
    return call->root != NULL;
}

static size_t bound_answer(const api_call *call, const api_result *result, const api_service *service)
{
    (void)result, (void)service;
    return json_string_length(call->root);
}

static aki_status write_answer(const api_call *call, const api_result *result, const api_service *service,
                               buf *out, aki_error *error)
{
    (void)result, (void)service;
    if (!buf_append(out, json_string_value(call->root), json_string_length(call->root)))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for the reply");
    return AKI_OK;
}

const api_operation grpc_reflection = {&grpc_dialect, read_question, bound_answer, write_answer, NULL, true};
