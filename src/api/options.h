/* The options of meaning that dialects share, under whatever names: each is read by one function, and a dialect's table
 * says which of its fields it is. docs/API.md has the table option by dialect. */
#ifndef API_OPTIONS_H
#define API_OPTIONS_H

#include "api/api.h"

typedef bool (*api_option)(api_call *call, const char *name, const json_t *value, const api_service *service,
                           http_error *error);

typedef struct api_field {
    const char *name;
    api_option read;
} api_field;

/* Reads the fields of a JSON object that are in the table (ended by a NULL name). Others, and those that are null, are
 * passed over. */
bool options_read(api_call *call, const json_t *object, const api_field *fields, const api_service *service,
                  http_error *error);

/* Name of the served model; another one is HTTP_ERROR_MODEL_NOT_FOUND. */
bool option_model(api_call *call, const char *name, const json_t *value, const api_service *service,
                  http_error *error);
/* "float" or "base64", without case. Together with option_type: base64 of the bytes of that type. */
bool option_format(api_call *call, const char *name, const json_t *value, const api_service *service,
                   http_error *error);
/* One of api_output's names; option_types: a list of them. */
bool option_type(api_call *call, const char *name, const json_t *value, const api_service *service,
                 http_error *error);
bool option_types(api_call *call, const char *name, const json_t *value, const api_service *service,
                  http_error *error);
/* One of the names, or a list of them. */
bool option_type_or_types(api_call *call, const char *name, const json_t *value, const api_service *service,
                          http_error *error);
/* 1 to the model's dimension; option_dimensions_at_most: more is the model's dimension. */
bool option_dimensions(api_call *call, const char *name, const json_t *value, const api_service *service,
                       http_error *error);
bool option_dimensions_at_most(api_call *call, const char *name, const json_t *value,
                               const api_service *service, http_error *error);
/* true = cut, false = refuse; or "END", "START" = cut there, "NONE" = refuse. */
bool option_truncate(api_call *call, const char *name, const json_t *value, const api_service *service,
                     http_error *error);
/* "right" or "left": the end that is cut off. */
bool option_side(api_call *call, const char *name, const json_t *value, const api_service *service,
                 http_error *error);
/* Tokens that are kept of a text, at most; -1 = the model's limit. */
bool option_max_tokens(api_call *call, const char *name, const json_t *value, const api_service *service,
                       http_error *error);
bool option_normalize(api_call *call, const char *name, const json_t *value, const api_service *service,
                      http_error *error);
/* "auto", "interactive", "bulk"; or a number: 0 = auto, above 0 = bulk, below 0 = interactive. */
bool option_priority(api_call *call, const char *name, const json_t *value, const api_service *service,
                     http_error *error);
/* The purpose of the text ("query", "search_document"), which chooses a prompt as encode_query and encode_document of
 * sentence-transformers do. One that the model has no prompt for changes nothing. */
bool option_purpose(api_call *call, const char *name, const json_t *value, const api_service *service,
                    http_error *error);
/* A string that changes nothing. */
bool option_without_effect(api_call *call, const char *name, const json_t *value, const api_service *service,
                           http_error *error);
/* Results in a reply of ranked documents, at most; 0, and more than there are, is all of them. */
bool option_top(api_call *call, const char *name, const json_t *value, const api_service *service,
                http_error *error);
/* Of no effect where the model takes no instruction. */
bool option_instruction(api_call *call, const char *name, const json_t *value, const api_service *service,
                        http_error *error);
/* The reply repeats the documents. */
bool option_returns(api_call *call, const char *name, const json_t *value, const api_service *service,
                    http_error *error);
/* Scores: true = a classifier's logits, false = from 0 to 1. option_activation: the other way round. */
bool option_raw(api_call *call, const char *name, const json_t *value, const api_service *service,
                http_error *error);
bool option_activation(api_call *call, const char *name, const json_t *value, const api_service *service,
                       http_error *error);
/* Tokens that are kept of each document, without special ones. */
bool option_second_tokens(api_call *call, const char *name, const json_t *value, const api_service *service,
                          http_error *error);
/* A prompt's name; an unknown one is an error. */
bool option_prompt(api_call *call, const char *name, const json_t *value, const api_service *service,
                   http_error *error);
/* A switch that would change vectors in a way that is not implemented: only false is taken. */
bool option_refused(api_call *call, const char *name, const json_t *value, const api_service *service,
                    http_error *error);

/* Likewise one that cannot be switched off: only true is taken. */
bool option_always(api_call *call, const char *name, const json_t *value, const api_service *service,
                   http_error *error);
/* The type and the order of the bytes in base64, of which there is one each: "float32", "float"; "little", "native". */
bool option_float32(api_call *call, const char *name, const json_t *value, const api_service *service,
                    http_error *error);
bool option_little_endian(api_call *call, const char *name, const json_t *value, const api_service *service,
                          http_error *error);

/* The JSON schema of a reader's values, with ' in the place of "; NULL for one that is not declared here. */
const char *option_schema(api_option read);

/* After all options: whether they fit together. False with *error filled. */
bool options_check(const api_call *call, const api_service *service, http_error *error);
/* After all options: the prompt that stands before each text (encoder_read_options). False with *error filled: the
 * options do not fit the model. */
bool options_prompt(const api_call *call, const api_service *service, aki_text *prompt, http_error *error);

#endif
