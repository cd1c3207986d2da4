/* Parts that the calls of tei.v1 share. */
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

#endif
