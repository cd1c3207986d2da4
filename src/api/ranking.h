/* Shared by the dialects that score pairs of texts: reading a query and documents, tokenizing the pairs, and putting the
 * documents into the order of their scores. */
#ifndef API_RANKING_H
#define API_RANKING_H

#include "api/api.h"

/* Reads the fields query_name and documents_name of call->root, and makes the pairs that the service's reranker computes. After all
 * options were read. shapes: input_shape bits of the documents. False with *error filled. */
bool ranking_read(api_call *call, const char *query_name, const char *documents_name, unsigned shapes,
                  const api_service *service, http_error *error);

/* Likewise pairs whose first texts are a field too: a string, which stands beside each second text, or a list of one or of as many
 * as those. The service's model takes pairs. */
bool ranking_read_sides(api_call *call, const char *firsts_name, const char *seconds_name, unsigned shapes,
                        const api_service *service, http_error *error);

/* Tokenizes the pairs of firsts[i], or of firsts[0] where there is one only, and call->texts[i]. */
bool ranking_pair(api_call *call, const aki_text *firsts, size_t firsts_count, const api_service *service,
                  http_error *error);

/* False with *error filled: the model does something else. Before the body is looked at. */
bool ranking_fits(const api_service *service, encoder_use use, http_error *error);

/* Of the reply: the scores of the documents, and their order, best first. */
typedef struct ranking {
    float *scores; /* [count] */
    size_t *order; /* [count] */
    size_t count;  /* documents */
    size_t told;   /* of the order, in the reply: call->top or all */
} ranking;

/* Error: AKI_OUT_OF_MEMORY. Ends in ranking_close, on failure too. */
AKI_MUST_CHECK aki_status ranking_open(ranking *r, const api_call *call, const api_result *result,
                                       const api_service *service, aki_error *error);
void ranking_close(ranking *r);

/* Appends a score as a JSON number. Error: AKI_NOT_FINITE, which names the document. */
AKI_MUST_CHECK aki_status ranking_append_score(float score, size_t index, buf *out, aki_error *error);
/* Appends a document as a JSON string. */
void ranking_append_text(const api_call *call, size_t index, buf *out);

/* Upper bound of a reply with `extra` bytes for each document beside its text. */
size_t ranking_bound(const api_call *call, const api_result *result, size_t extra);

#endif
