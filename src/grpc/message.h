/* Messages of the services: from a framed body to protobuf-c's structs and back.
 *
 * The code for them is made at build time from proto/, in which strings have become bytes: protobuf-c's strings end at a NUL,
 * and a text may hold one. What a message takes in memory is bounded, for two bytes on the wire can be a hundred here. */
#ifndef GRPC_MESSAGE_H
#define GRPC_MESSAGE_H

#include "grpc/frame.h"

#include <protobuf-c/protobuf-c.h>
#include <string.h>

/* The message of a body that has one. NULL with *error filled. To be freed by grpc_message_free. */
void *grpc_message_read(const ProtobufCMessageDescriptor *type, const api_request *request,
                        const api_service *service, http_error *error);
/* message: of grpc_message_read; NULL allowed. */
void grpc_message_free(void *message);

/* Appends a message in its frame. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status grpc_message_append(buf *out, const ProtobufCMessage *message, aki_error *error);

/* A string as JSON. NULL with *error filled: it is not UTF-8, or there is no memory. */
json_t *grpc_json_string(ProtobufCBinaryData text, const char *param, http_error *error);
/* Sets a member, whose value is taken over. False with *error filled, unless it is already: value is NULL, or there is no memory. */
bool grpc_json_set(json_t *object, const char *name, json_t *value, http_error *error);
/* Sets a member to a string, which errors name as the member. */
bool grpc_json_set_string(json_t *object, const char *name, ProtobufCBinaryData text, http_error *error);

static inline ProtobufCBinaryData grpc_text(const char *text)
{
    return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

#endif
