/* Reads the texts or token ids to be embedded, in the shapes that clients send: a string, a list of strings, a list of
 * objects with a "text", token ids, lists of token ids. Texts are cut here, before the scheduler takes them, where that is
 * not to be done as the model does it. */
#ifndef API_INPUT_H
#define API_INPUT_H

#include "api/api.h"

typedef enum input_shape {
    INPUT_STRING = 1,  /* one text */
    INPUT_OBJECTS = 2, /* {"text": "…"} in the place of a text */
    INPUT_IDS = 4,     /* token ids of the model's own */
    INPUT_EMPTY = 8,   /* the empty string is a text: embedded as what the model makes of nothing */
} input_shape;

/* Loads the body. Its list of texts is the field text_field. False with *error filled. */
bool input_load(api_call *call, const api_request *request, const char *text_field,
                const api_service *service, http_error *error);

/* Fills texts, ids and count. value: of the field `name`; NULL = missing. A list of strings is always taken; shapes:
 * input_shape bits. With a list of numbers and without INPUT_IDS the error says that token ids are not taken. */
bool input_read(api_call *call, const char *name, const json_t *value, unsigned shapes,
                const api_service *service, http_error *error);

/* Cuts the texts for which the options ask for more than the model's own way, or whose ids are too many. After all
 * options were read. */
bool input_cut(api_call *call, const api_service *service, http_error *error);

#endif
