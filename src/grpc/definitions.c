#include "grpc/definitions.h"

#include "grpc/methods.h"

#include <stdio.h>
#include <string.h>

/* A FileDescriptorSet. */
static const uint8_t set[] = {
#include "grpc/definitions.inc"
};

#define MAX_NAME_BYTES 200

/* Numbers of fields in google/protobuf/descriptor.proto. */
enum { SET_FILE = 1 };
enum { FILE_NAME = 1, FILE_PACKAGE = 2, FILE_MESSAGE = 4, FILE_ENUM = 5, FILE_SERVICE = 6 };
enum { MESSAGE_NAME = 1, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4 };
enum { SERVICE_NAME = 1, SERVICE_METHOD = 2 };
enum { NAME = 1 };

/* One field of a message. Fields that are numbers have no data. */
typedef struct wire_field {
    unsigned number;
    const uint8_t *data; /* [bytes] */
    size_t bytes;
} wire_field;

static size_t read_varint(const uint8_t **at, const uint8_t *end)
{
    size_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 8 * sizeof value; shift += 7) {
        const uint8_t byte = *(*at)++;
        value |= (size_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            break;
    }
    return value;
}

/* The field at *at, which moves behind it. The bytes are those of our own build: they have only numbers and what has a length. */
static bool next_field(const uint8_t **at, const uint8_t *end, wire_field *field)
{
    enum { LENGTH = 2 };
    if (*at >= end)
        return false;
    const size_t tag = read_varint(at, end), value = read_varint(at, end);
    *field = (wire_field){.number = (unsigned)(tag >> 3)};
    if ((tag & 7) != LENGTH)
        return true;
    if (value > (size_t)(end - *at))
        return false;
    field->data = *at;
    field->bytes = value;
    *at += value;
    return true;
}

static bool find_field(const wire_field *message, unsigned number, wire_field *found)
{
    const uint8_t *at = message->data, *end = at + message->bytes;
    while (next_field(&at, end, found))
        if (found->number == number && found->data != NULL)
            return true;
    *found = (wire_field){.data = (const uint8_t *)"", .bytes = 0};
    return false;
}

static bool is_text(const wire_field *field, const char *text, size_t length)
{
    return field->bytes == length && memcmp(field->data, text, length) == 0;
}

bool definition_file_at(size_t index, definition_file *file)
{
    const uint8_t *at = set, *end = set + sizeof set;
    wire_field field;
    for (size_t i = 0; next_field(&at, end, &field); i++)
        if (i == index && field.number == SET_FILE) {
            *file = (definition_file){field.data, field.bytes};
            return true;
        }
    return false;
}

bool definition_file_named(const char *name, size_t length, definition_file *file)
{
    for (size_t i = 0; definition_file_at(i, file); i++) {
        const wire_field whole = {.data = file->data, .bytes = file->bytes};
        wire_field found;
        if (find_field(&whole, FILE_NAME, &found) && is_text(&found, name, length))
            return true;
    }
    return false;
}

/* ---- Symbols --------------------------------------------------------------------------------------------------- */

/* Takes "a.b" and a dot from the front of a symbol. */
static bool strip(const char **symbol, size_t *length, const wire_field *prefix)
{
    if (*length <= prefix->bytes || memcmp(*symbol, prefix->data, prefix->bytes) != 0 ||
        (*symbol)[prefix->bytes] != '.')
        return false;
    *symbol += prefix->bytes + 1;
    *length -= prefix->bytes + 1;
    return true;
}

static bool message_has(const wire_field *message, const char *symbol, size_t length);

/* One of the fields `number` is an enum, a service's call, or a message with what is in it, of that name. */
static bool any_has(const wire_field *whole, unsigned number, bool nests, const char *symbol, size_t length)
{
    const uint8_t *at = whole->data, *end = at + whole->bytes;
    wire_field item, name;
    while (next_field(&at, end, &item))
        if (item.number == number && item.data != NULL &&
            (nests ? message_has(&item, symbol, length)
                   : find_field(&item, NAME, &name) && is_text(&name, symbol, length)))
            return true;
    return false;
}

static bool message_has(const wire_field *message, const char *symbol, size_t length)
{
    wire_field name;
    if (!find_field(message, MESSAGE_NAME, &name))
        return false;
    if (is_text(&name, symbol, length))
        return true;
    return strip(&symbol, &length, &name) && (any_has(message, MESSAGE_NESTED, true, symbol, length) ||
                                              any_has(message, MESSAGE_ENUM, false, symbol, length));
}

static bool services_have(const wire_field *whole, const char *symbol, size_t length)
{
    const uint8_t *at = whole->data, *end = at + whole->bytes;
    wire_field item, name;
    while (next_field(&at, end, &item)) {
        const char *rest = symbol;
        size_t left = length;
        if (item.number != FILE_SERVICE || !find_field(&item, SERVICE_NAME, &name))
            continue;
        if (is_text(&name, symbol, length))
            return true;
        if (strip(&rest, &left, &name) && any_has(&item, SERVICE_METHOD, false, rest, left))
            return true;
    }
    return false;
}

bool definition_file_with(const char *symbol, size_t length, definition_file *file)
{
    for (size_t i = 0; definition_file_at(i, file); i++) {
        const wire_field whole = {.data = file->data, .bytes = file->bytes};
        const char *rest = symbol;
        size_t left = length;
        wire_field package;
        if (!find_field(&whole, FILE_PACKAGE, &package) || !strip(&rest, &left, &package))
            continue;
        if (any_has(&whole, FILE_MESSAGE, true, rest, left) ||
            any_has(&whole, FILE_ENUM, false, rest, left) || services_have(&whole, rest, left))
            return true;
    }
    return false;
}

/* ---- Services -------------------------------------------------------------------------------------------------- */

void definition_each_service(const definition_file *file,
                             void (*tell)(void *cookie, const char *name, size_t length), void *cookie)
{
    const wire_field whole = {.data = file->data, .bytes = file->bytes};
    const uint8_t *at = file->data, *end = at + file->bytes;
    wire_field item, name, package;
    (void)find_field(&whole, FILE_PACKAGE, &package);
    while (next_field(&at, end, &item)) {
        char full[MAX_NAME_BYTES];
        if (item.number != FILE_SERVICE || !find_field(&item, SERVICE_NAME, &name))
            continue;
        const int length = snprintf(full, sizeof full, "%.*s.%.*s", (int)package.bytes,
                                    (const char *)package.data, (int)name.bytes, (const char *)name.data);
        tell(cookie, full, (size_t)length);
    }
}

typedef struct service_search {
    const char *name;
    size_t length;
    bool found;
} service_search;

static void compare(void *cookie, const char *name, size_t length)
{
    service_search *search = cookie;
    search->found = search->found || (length == search->length && memcmp(name, search->name, length) == 0);
}

bool grpc_has_service(const char *name, size_t length)
{
    service_search search = {.name = name, .length = length};
    definition_file file;
    for (size_t i = 0; definition_file_at(i, &file); i++)
        definition_each_service(&file, compare, &search);
    return search.found;
}
