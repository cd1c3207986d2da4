/* The body of POST /api/v1/embed, read and checked. */
#ifndef API_EMBED_REQUEST_H
#define API_EMBED_REQUEST_H

#include "akidb/embed.h"
#include "scheduler/scheduler.h"
#include "api/api.h"

#include <jansson.h>

typedef struct embed_request {
    aki_text *texts; /* [count], in the JSON tree; data NULL where on_error_item and not a string */
    size_t count;
    aki_embed_options options;
    scheduler_priority priority;
    size_t dimensions; /* the vectors are cut to so many numbers; 0 = not */
    bool base64;
    bool on_error_item; /* "on_error":"item": texts that cannot be embedded fail alone */
    json_t *root;
} embed_request;

/* False with *error filled. On success the caller frees the request; the body may go at once. Empty texts and the
 * length in tokens are the encoder's to judge. */
bool embed_request_parse(embed_request *out, const char *body, size_t length, const api_service *service,
                         http_error *error);
void embed_request_free(embed_request *request);

#endif
