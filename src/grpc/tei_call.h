/* Parts that the calls of tei.v1 share.
 *
 * A message of protobuf becomes the JSON object that TEI's HTTP interface takes, call->root, and the reader of that (api/tei.h) reads
 * it: so both check alike. All that set a member are false with *error filled: text that is not UTF-8, no memory. */
#ifndef GRPC_TEI_CALL_H
#define GRPC_TEI_CALL_H

#include "api/api.h"

#include <protobuf-c/protobuf-c.h>

/* Of a reply, beside the numbers, the tokens or the documents. */
#define GRPC_TEI_REST_BYTES ((size_t)256)

/* Gives the call an empty object as its body, and options by default. False with *error filled: no memory. */
bool grpc_tei_begin(api_call *call, http_error *error);
/* Code points of valid UTF-8. */
size_t grpc_tei_characters(ProtobufCBinaryData text);
/* Keeps the characters of the call for the metadata of its reply; after the body was read. */
void grpc_tei_count(api_call *call, size_t characters);
/* Fills *metadata and returns it. */
struct Tei__V1__Metadata *grpc_tei_metadata(const api_call *call, const api_result *result,
                                            struct Tei__V1__Metadata *metadata);

/* Members "truncate" and "truncation_direction" (Tei__V1__TruncationDirection). */
bool grpc_tei_set_cut(json_t *root, bool truncate, int direction, http_error *error);
/* As grpc_tei_set_cut, and "inputs". */
bool grpc_tei_set_text(json_t *root, ProtobufCBinaryData text, bool truncate, int direction,
                       http_error *error);
/* Member "prompt_name", where it is given. */
bool grpc_tei_set_prompt(json_t *root, bool given, ProtobufCBinaryData name, http_error *error);

/* The fields of a message that asks about one text. */
typedef struct grpc_tei_text {
    ProtobufCBinaryData inputs;
    bool truncate;
    int direction; /* Tei__V1__TruncationDirection */
    bool has_prompt;
    ProtobufCBinaryData prompt;
} grpc_tei_text;

/* Begins the call, gives it the text, and has `fields` read them: the function of api/tei.h for this kind of call. */
bool grpc_tei_read_text(api_call *call, const grpc_tei_text *text,
                        bool (*fields)(api_call *call, const api_service *service, http_error *error),
                        const api_service *service, http_error *error);
bool grpc_tei_append_text(json_t *list, ProtobufCBinaryData text, const char *param, http_error *error);
/* A list of texts. NULL with *error filled. */
json_t *grpc_tei_strings(const ProtobufCBinaryData *texts, size_t count, const char *param,
                         http_error *error);

uint32_t grpc_tei_clamp(size_t number);

#endif
