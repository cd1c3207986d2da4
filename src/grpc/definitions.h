/* The definitions in proto/, as Protocol Buffers describe themselves (google.protobuf.FileDescriptorProto): made at build time and
 * part of the program. */
#ifndef GRPC_DEFINITIONS_H
#define GRPC_DEFINITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct definition_file {
    const uint8_t *data; /* [bytes]: serialised */
    size_t bytes;
} definition_file;

/* False beyond the last. */
bool definition_file_at(size_t index, definition_file *file);
/* By the name that the file has for protoc, as in "tei.proto". */
bool definition_file_named(const char *name, size_t length, definition_file *file);
/* By the full name of a message, an enum, a service or a service's call. */
bool definition_file_with(const char *symbol, size_t length, definition_file *file);

/* Tells the full name of each service of a file. */
void definition_each_service(const definition_file *file,
                             void (*tell)(void *cookie, const char *name, size_t length), void *cookie);

#endif
