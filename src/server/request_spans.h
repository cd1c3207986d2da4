/* The spans of an embedding request, from what was noted of it:
 *
 *     embedding_request
 *     ├── validation                body read and checked
 *     ├── tokenize
 *     ├── batching                  from the queue to the pass
 *     │   └── batch_wait
 *     ├── inference                 first pass to last pass
 *     │   ├── gpu_transfer_in       of the pass that ended last, as all that follow
 *     │   ├── forward_pass
 *     │   ├── mean_pooling
 *     │   ├── normalize
 *     │   └── gpu_transfer_out
 *     └── result_distribution       reply written and handed to its connection
 *
 * A phase that the request did not come to has no span. */
#ifndef SERVER_REQUEST_SPANS_H
#define SERVER_REQUEST_SPANS_H

#include "server/request_facts.h"
#include "telemetry/tracer.h"

/* All strings may be gone after the call but those said to be static. */
typedef struct request_spans_subject {
    const request_facts *facts;
    const trace_root *trace;
    const char *trace_state;             /* NULL = none */
    int64_t arrived_ns, ended_ns;        /* of the whole */
    const char *method, *route, *scheme; /* static */
    uint16_t server_port;
    const char *client_address; /* "" = not known */
    const char *user_agent;     /* NULL = none */
    const char *request_id;
    const char *client_name; /* of its API key, or "" */
    const char *model_name;
    size_t dimension;  /* 0 = no model yet */
    unsigned status;   /* 0 = no reply */
    const char *error; /* static: code of the error, or NULL */
    bool whole;        /* the reply was sent to the end */
    uint64_t bytes_in, bytes_out;
} request_spans_subject;

/* For a sampled request, at its end. */
void request_spans_emit(tracer *t, const request_spans_subject *subject);

#endif
