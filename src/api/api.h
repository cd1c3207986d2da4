/* A call of the service in any dialect, from the bytes of a body to the bytes of a reply, without knowledge of sockets,
 * headers or routes.
 *
 * A dialect (OpenAI's, TEI's, Ollama's, Cohere's, the service's own) is one file. For each of its routes it has an
 * api_operation: `read` turns a body into an api_call, which says what is to be embedded, with the options that all
 * dialects share (options.h); `write` turns the vectors into the body of the reply. A call without texts needs no
 * vectors, and is written at once: lists of models, tokens. The row of the route names the operation
 * (route_list.h). */
#ifndef API_API_H
#define API_API_H

#include "akidb/embed.h"
#include "api/cl100k.h"
#include "api/http_error.h"
#include "api/route_list.h"
#include "base/buf.h"
#include "engine/encoder.h"
#include "scheduler/scheduler.h"

#include <jansson.h>

/* How a number of a vector is told. A bit each: some dialects return several at once. */
typedef enum api_output {
    API_OUTPUT_FLOAT = 1,    /* float32 */
    API_OUTPUT_BASE64 = 2,   /* float32, little-endian, in base64 */
    API_OUTPUT_INT8 = 4,     /* the nearest whole number to 127 times the float, from -127 to 127 */
    API_OUTPUT_UINT8 = 8,    /* that plus 128 */
    API_OUTPUT_UBINARY = 16, /* a bit per number, 1 = above 0, the first one highest in its byte */
    API_OUTPUT_BINARY = 32,  /* those bytes less 128 */
} api_output;
#define API_OUTPUTS 6

/* One of the served models, as lists tell of it. */
#define API_PROMPTS_BYTES 512
typedef struct api_listed {
    const char *name, *phase; /* phase: "known", "loading", "ready", "draining", "failed" */
    bool by_default;          /* the model of requests that name none */
    bool stays;               /* is never unloaded by itself */
    bool loaded;              /* the fields from here to `prompts` are filled */
    const char *kind;         /* api_kind */
    const char *architecture; /* static storage */
    aki_precision precision;
    size_t dimension, max_tokens;
    char prompts[API_PROMPTS_BYTES]; /* their names, each ended by NUL, behind the last one another NUL */
    size_t weight_bytes;
    /* of memory, with what its workers and caches take; also while it is being loaded or unloaded */
    size_t bytes;
    uint64_t requests;
    int64_t last_use_s, expires_s; /* Unix time; 0 = never */
    char failure[256];             /* of the last load; "" = none */
} api_listed;

/* The models of a service, for calls that name or list them. */
typedef struct api_models {
    /* Makes the model of that name the call's: model_name and enc of the service change. False with *error filled: there is none
     * (HTTP_ERROR_MODEL_NOT_FOUND, with param), or it is not loaded. */
    bool (*choose)(void *cookie, const char *name, const char *param, http_error *error);
    /* Fills the first `room` models, and returns how many there are. */
    size_t (*list)(void *cookie, api_listed *out, size_t room);
    void *cookie;
} api_models;

/* The settings and the model of the service that a call reads. Lives longer than any call. */
typedef struct api_service {
    const char *model_name;
    const encoder *enc;       /* NULL until the model is loaded; there whenever a call has a body */
    const api_models *models; /* NULL = this model is the only one */
    size_t max_texts;
    size_t max_requests; /* waiting */
    unsigned http_threads;
    int64_t started_s;         /* Unix time */
    bool takes_ids;            /* OpenAI's token ids are the model's own */
    const cl100k *foreign_ids; /* or these; NULL, and not takes_ids = they are refused */
    size_t max_body_bytes;
    const char *example; /* of the operation's body, as in api_description; NULL = the dialect's */
    const void *server;  /* of the next two: what health says */
    bool (*is_live)(const void *server);
    bool (*is_ready)(const void *server);
} api_service;

typedef struct api_request {
    const char *body; /* [length] */
    size_t length;
    const char *name;        /* what the path has in the place of {model}; "" = nothing */
    const char *head_length; /* the header Inference-Header-Content-Length; NULL = none */
    const char *encoding;    /* the header grpc-encoding; NULL = none */
} api_request;

typedef struct api_call {
    /* [count], in `root` or static; data NULL where `ids` says what to embed, or not a text */
    aki_text *texts;
    scheduler_ids *ids; /* [count]; NULL = texts only */
    size_t count;       /* 0 = the reply needs no vectors */
    aki_embed_options options;
    scheduler_priority priority;
    bool on_error_item;    /* texts that cannot be embedded fail alone */
    unsigned outputs;      /* api_output bits; 0 = float */
    bool packed;           /* whole numbers go as base64 of their bytes */
    size_t dimensions;     /* the vector is cut to so many numbers; 0 = not */
    size_t max_tokens;     /* of a text, special tokens included; 0 = the model's limit */
    bool keep_tail;        /* a text that is too long keeps its end */
    bool keeps_input;      /* `write` reads texts or root */
    bool keeps_model;      /* keep_alive_ms says how long the model is to stay loaded after this call */
    int64_t keep_alive_ms; /* INT64_MAX = for ever */
    encoder_output output; /* of ENCODER_TOKENS input_cut makes ids of all texts, and fills token_room */
    size_t token_room;     /* the most tokens of a text */
    int variant;           /* the dialect's own: which of its forms the reply has */
    json_t *root;
    /* Of pairs of texts, for classifiers (ranking.h): */
    aki_scores scores;
    size_t top;             /* results in the reply, at most; 0 = all */
    bool returns_documents; /* the reply repeats them */
    size_t second_tokens;   /* to which each document is cut; 0 = not */
    aki_text instruction;   /* in `root`, of a language model that ranks; length 0 = the model's own */
    /* The operation that the body turned out to be for, where a path has several; NULL = the route's. */
    const struct api_operation *as;
} api_call;

/* The call's vectors; all zero but request_id and duration_ns for a call without texts. */
typedef struct api_result {
    const float *vectors;      /* [count][dimension] f32; dimension: encoder_numbers of its output */
    const aki_text_info *info; /* [count] */
    size_t count, dimension;
    const scheduler_item_error *item_errors; /* [item_errors_count], rising: texts without a vector */
    size_t item_errors_count;
    int64_t duration_ns; /* since the request came */
    int64_t tokenize_ns, queue_ns, inference_ns;
    const char *request_id;
    size_t *head_length; /* `write` sets it where bytes follow the JSON: how long that is; else it stays 0 */
} api_result;

/* The hint of an error, in a dialect whose fields and headers are not those that http_error_hint names. */
typedef struct api_hint {
    http_error_code code;
    const char *text;
} api_hint;

typedef struct api_dialect {
    /* what the parameter of an error calls the texts: "input" for "texts[3]" -> "input[3]" */
    const char *text_field;
    const char *example;   /* of a body */
    const api_hint *hints; /* end with a NULL text; NULL = none */
    bool any_media_type;   /* a body's Content-Type may be anything, or missing */
    bool bare_key;         /* an API key may come without the word Bearer */
    /* Appends the body of an error and returns the HTTP status that the dialect gives it. */
    unsigned (*write_error)(const http_error *error, const api_service *service, const char *request_id,
                            buf *out);
    const char *const (*headers)[2]; /* name and value, of each reply; ends with a NULL name; NULL = none */
    const char *retry_field; /* is told in milliseconds when to try again; NULL = by none but HTTP's */
    const char *media_type;  /* of replies; NULL = application/json, or bytes behind it */
    /* Appends the trailers of a reply, name NUL value NUL for each; error NULL: it went well. They say what became of the request,
     * so the reply of an error has them in its head, status 200 and no body. NULL = no trailers; else there is no write_error. */
    void (*write_trailers)(const http_error *error, buf *out);
} api_dialect;

/* How bodies and replies look, for /openapi.json. JSON is written with ' in the place of ". */
typedef struct api_description {
    const struct api_field *fields[2]; /* tables of options.h, as far as there are any */
    const char *members;               /* of the body's "properties" that no table has; NULL = none */
    const char *nested;                /* the field whose object the tables are of; NULL = the body itself */
    const char *nested_members;        /* of its "properties" that no table has; NULL = none */
    const char *required;              /* names; NULL = none */
    const char *example;               /* a body; NULL = that of the dialect */
    const char *reply;                 /* a schema */
} api_description;

typedef struct api_operation {
    const api_dialect *dialect;
    /* Fills *call, which is all zero. False with *error filled. NULL: the body does not matter. */
    bool (*read)(api_call *call, const api_request *request, const api_service *service, http_error *error);
    /* An upper bound of the reply's length. NULL: API_SMALL_REPLY_BYTES. */
    size_t (*bound)(const api_call *call, const api_result *result, const api_service *service);
    /* Appends the reply to `out`, whose maximum is the bound. Errors: AKI_NOT_FINITE, AKI_OUT_OF_MEMORY. */
    aki_status (*write)(const api_call *call, const api_result *result, const api_service *service, buf *out,
                        aki_error *error);
    const api_description *description;
    bool without_model; /* needs no model, and no room in the queue */
    encoder_use use;    /* what it asks of the model, where it needs vectors */
} api_operation;

/* `read` of the operation, and the check that the model does what it asks for. False with *error filled. */
bool api_read(const api_operation *operation, api_call *call, const api_request *request,
              const api_service *service, http_error *error);

#define API_SMALL_REPLY_BYTES ((size_t)64 << 10)

/* Part of tei_rerank.c: where the model is a classifier it reads POST /, and returns true with *done, the outcome. */
bool tei_root_classifies(api_call *call, const api_service *service, bool *done, http_error *error);

/* Frees what was sent, unless the reply needs it: after the call was submitted. */
void api_call_release_input(api_call *call);
/* A call that is all zero is allowed. */
void api_call_free(api_call *call);

/* True for the served name itself and for its last path component. */
bool api_model_matches(const char *served, const char *asked);
/* Makes the model of that name the call's. False with *error filled: HTTP_ERROR_MODEL_NOT_FOUND about `param`, or another
 * where the model is there but cannot be used now. */
bool api_choose_model(const api_service *service, const char *asked, const char *param, http_error *error);
/* api_choose_model with a string of JSON, which may hold a U+0000: no name does. */
bool api_choose_model_of(const api_service *service, const json_t *value, const char *param,
                         http_error *error);
/* The suffix that some dialects put behind a model's name. */
#define API_OLLAMA_TAG ":latest"
#define API_KSERVE_TAG "/versions/1"
/* Cuts the tag off the end of a name, where it has it. */
void api_cut_tag(char *name, const char *tag);
/* The model that a body names in its field "model", without Ollama's tag, whatever the dialect; "" = it names none, or is no JSON. For when no model is
 * there to read the body with. Ends in NUL, cut to room - 1 bytes. */
void api_peek_model(const char *body, size_t length, char *name, size_t room);
/* The served models. `models` has room for API_LISTED_MAX; returns their number. */
#define API_LISTED_MAX 128
size_t api_list_models(const api_service *service, api_listed *models);

/* The model's kind: "embedding", "reranker", "classifier" or "sparse". */
const char *api_kind(const encoder *enc);

/* The tokens of all texts together. */
size_t api_tokens(const api_result *result);
/* Of text number `index` of a result of ENCODER_TOKENS: how many vectors it has. */
size_t api_token_vectors(const api_result *result, const api_service *service, size_t index);

/* Appends ",\"truncated\":[…]" with the places of the texts that were cut, where there are any. */
void api_append_truncated(const api_result *result, buf *out);

/* The error's message with the dialect's hint and an example of the operation's body. */
#define API_ERROR_TEXT_BYTES 1024
void api_error_text(const http_error *error, const api_dialect *dialect, const api_service *service,
                    char text[API_ERROR_TEXT_BYTES]);
/* Hints of dialects whose errors do not say which parameter is at fault but in the message. */
#define API_HINTS_WITHOUT_PARAM                                                                              \
    {HTTP_ERROR_INVALID_TYPE, "Correct the type of the field."},                                             \
    {                                                                                                        \
        HTTP_ERROR_INVALID_VALUE, "Correct the value of the field."                                          \
    }
/* The error's parameter with the dialect's name of the texts ("input[3]"); "" = none. */
void api_error_param(const http_error *error, const api_dialect *dialect, char param[80]);

extern const api_dialect native_dialect, openai_dialect, tei_dialect;

/* The operations of routes. */
#define API_DECLARE(path, description, metric, operation) extern const api_operation operation;
#define API_DECLARE_TELLING(path, description, roles, metric, operation) extern const api_operation operation;
API_ROUTES(API_DECLARE, API_DECLARE_TELLING, API_DECLARE)
#undef API_DECLARE
#undef API_DECLARE_TELLING
/* Those that a body turns out to be for, see api_call.as. */
extern const api_operation voyage_rerank, weaviate_rerank, llamacpp_tokenize;

#endif
