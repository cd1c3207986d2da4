/* Readers of TEI's JSON bodies, shared by HTTP and gRPC: fields, limits and errors are the same. */
#ifndef API_TEI_H
#define API_TEI_H

#include "api/api.h"
#include "tokenizer/offsets.h"

/* Tokens of one request for them, in or out. */
#define TEI_MAX_TOKENS ((size_t)300000)

/* Each reads call->root, an object, as the body of POST /embed, /tokenize or /decode. */
bool tei_embed_fields(api_call *call, const api_service *service, http_error *error);
bool tei_tokenize_fields(api_call *call, const api_service *service, http_error *error);
bool tei_decode_fields(api_call *call, const api_service *service, http_error *error);
/* Part of llamacpp.c: reads a body of POST /tokenize that has "content". */
bool llamacpp_tokenize_fields(api_call *call, const api_service *service, http_error *error);
/* Likewise POST /rerank (with "texts"), /predict, /embed_all and /embed_sparse. */
bool tei_rerank_fields(api_call *call, const api_service *service, http_error *error);
/* With a list of queries, one for each text, in "query". */
bool tei_rerank_each_fields(api_call *call, const api_service *service, http_error *error);
bool tei_predict_fields(api_call *call, const api_service *service, http_error *error);
bool tei_embed_all_fields(api_call *call, const api_service *service, http_error *error);
bool tei_embed_sparse_fields(api_call *call, const api_service *service, http_error *error);

/* Token ids, rising, and their weights, of text `index` of a result. */
typedef struct tei_sparse {
    int32_t *ids;  /* [count] */
    float *values; /* [count] */
    size_t count;
} tei_sparse;

/* Whatever the result, release it with tei_sparse_close. Error: AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status tei_sparse_open(tei_sparse *weights, const api_result *result, size_t index,
                                          const api_service *service, aki_error *error);
void tei_sparse_close(tei_sparse *weights);

typedef struct tei_token {
    int32_t id;
    const char *text;
    bool special;
    token_place place;
} tei_token;

/* Tells the tokens of text `index` of a call for them, in their order, with the prompt before it. *left: how many more the reply may
 * have. Errors: AKI_REQUEST_TOO_LONG, AKI_OUT_OF_MEMORY, those of tokenizing. */
AKI_MUST_CHECK aki_status tei_each_token(const api_call *call, size_t index, const api_service *service,
                                         size_t *left, void (*tell)(void *cookie, const tei_token *token),
                                         void *cookie, aki_error *error);

/* Appends the text of a list of ids. False = out of memory. */
bool tei_decode_list(const api_service *service, const json_t *ids, bool skips_special, buf *text);

/* The model's numbers and pooling, as both interfaces name them. Static storage. */
const char *tei_type_name(aki_precision precision);

#endif
