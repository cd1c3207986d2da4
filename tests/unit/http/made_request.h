/* Requests for tests of functions that read them. */
#ifndef HTTP_MADE_REQUEST_H
#define HTTP_MADE_REQUEST_H

#include "unit.h"

#include "http/request.h"

#define MADE_FIELDS 8

typedef struct made_request {
    http_request request;
    http_field fields[MADE_FIELDS];
    char text[2000];
    size_t length;
} made_request;

static inline uint32_t made_append(made_request *made, const char *text)
{
    const size_t at = made->length, bytes = strlen(text) + 1;
    assert_true(bytes <= sizeof made->text - at);
    memcpy(made->text + at, text, bytes);
    made->length += bytes;
    return (uint32_t)at;
}

/* `made` must stay where it is. */
static inline void make_request(made_request *made, const char *method, const char *target)
{
    memset(made, 0, sizeof *made);
    made->request.version = HTTP_VERSION_1_1;
    made->request.text = made->text;
    made->request.fields = made->fields;
    made->request.method = made_append(made, method) + 1;
    made->request.target = made_append(made, target) + 1;
}

/* value NULL: adds nothing. */
static inline void make_header(made_request *made, const char *name, const char *value)
{
    if (value == NULL)
        return;
    assert_true(made->request.count < MADE_FIELDS);
    const uint32_t at = made_append(made, name);
    made->fields[made->request.count++] = (http_field){at, made_append(made, value)};
}

#endif
