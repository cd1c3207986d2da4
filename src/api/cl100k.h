/* cl100k, the vocabulary of OpenAI's embedding models, for turning token ids back into text. Clients such as LangChain send
 * its ids in the place of texts, whatever model is served.
 *
 * Reads tiktoken's file cl100k_base.tiktoken, which scripts/get-cl100k fetches: a line per token, its bytes in base64 and
 * its id. It does not tokenize. Const after opening, for any number of threads. */
#ifndef API_CL100K_H
#define API_CL100K_H

#include "akidb/embed.h"
#include "api/http_error.h"

#include <jansson.h>

typedef struct cl100k cl100k;

/* On success the caller owns *out. Errors: AKI_MODEL_NOT_FOUND (no such file), AKI_MODEL_INVALID (not that
 * vocabulary), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status cl100k_open(cl100k **out, const char *path, aki_error *error);
/* NULL allowed. */
void cl100k_close(cl100k *vocabulary);

/* The bytes of a token, which need not be whole characters; NULL where there is no such id. */
const char *cl100k_token(const cl100k *vocabulary, int64_t id, size_t *length);

/* Replaces the lists of ids in a field of the object, which is one list or a list of lists and texts, by the texts they
 * stand for. Bytes that are not UTF-8 become U+FFFD, as tiktoken decodes them. max_bytes: of all those texts together. False
 * with *error filled. */
bool cl100k_replace_ids(const cl100k *vocabulary, json_t *object, const char *field, size_t max_bytes,
                        http_error *error);

#endif
