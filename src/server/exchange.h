/* One request and its reply. listening.h opens it, with the request's head, and frees it.
 *
 * An exchange belongs to the HTTP thread of its connection. While it waits only its task on the pool and `done`
 * of the scheduler touch it, one after the other, and the last hands it back by resuming. Errors found early are kept until the body is read away: a client that is still
 * sending would see a reset instead of the reply. */
#ifndef SERVER_EXCHANGE_H
#define SERVER_EXCHANGE_H

#include "api/api.h"
#include "http/request.h"
#include "server/request_facts.h"
#include "server/service.h"
#include "telemetry/metric_table.h"
#include "telemetry/tracer.h"

#define EXCHANGE_METHOD_BYTES 16
#define EXCHANGE_MODEL_BYTES 200

typedef struct exchange exchange;

typedef enum route_place {
    ROUTE_EVERYWHERE,
    ROUTE_NOT_ADMIN, /* not on the admin port */
    ROUTE_OPERATORS, /* on the admin port; on others only where an API key is asked for */
    ROUTE_PAGE,      /* not on the admin port, which serves no pages, nor where they are switched off */
} route_place;

typedef struct route {
    const char *method; /* "GET" serves HEAD as well */
    const char *path;
    const char *description;
    unsigned roles; /* where the service has API keys: the key has one of these; 0 = no key is needed */
    metric_route metric;
    /* Answers a complete request: by exchange_reply, exchange_fail, or later, in `resume`. */
    void (*handle)(exchange *x);
    /* Answers after exchange_resume; NULL for routes that answer at once. */
    void (*resume)(exchange *x);
    route_place place;
    const api_operation *api;             /* what embed_route does; NULL for other handlers */
    const struct exchange_stream *stream; /* NULL: one body, one reply */
} route;

/* Of routes whose body is a stream of messages that are answered as they come. `handle` is told of the body's end then, and
 * `resume` of each exchange_resume. */
typedef struct exchange_stream {
    void (*begin)(exchange *x); /* the head was read and is well */
    void (*body)(exchange *x, const char *data, size_t bytes);
    void (*drained)(exchange *x); /* as those of http_handler */
    void (*late)(exchange *x);
    void (*end)(exchange *x); /* frees x->messages */
} exchange_stream;

/* Is told of each exchange, on its HTTP thread. Members may be NULL. */
typedef struct exchange_observer {
    void (*begun)(exchange *x);             /* the head was read: x->route is there, or x->failed is set */
    void (*failed)(exchange *x);            /* x->error is about to be sent */
    void (*replied)(exchange *x);           /* the reply is about to be handed to the connection */
    void (*ended)(exchange *x, bool whole); /* whole: the reply was sent to the end */
} exchange_observer;

struct exchange {
    server *owner;
    const exchange_observer *const *observers; /* of its way in */
    http_stream *stream;
    bool admin;               /* came by the admin port */
    metric_route kind;        /* what its path counts as, served or not */
    const route *route;       /* NULL: the request failed before one was found */
    const api_operation *api; /* by its path alone: whose form errors have; NULL = the service's own */
    char model[EXCHANGE_MODEL_BYTES];   /* what the path has in the place of {model} */
    char method[EXCHANGE_METHOD_BYTES]; /* as it was sent, cut */
    char request_id[REQUEST_ID_MAX + 1];
    int64_t arrived_ns;
    int64_t deadline_ns; /* for the body to arrive and the first pass to begin */
    int64_t ended_ns;    /* 0 until then */
    /* the client's own; 0 = none. Bodies are read until deadline_ns all the same */
    int64_t caller_deadline_ns;
    scheduler_priority priority; /* by header; the body's field goes before it */

    uint64_t client; /* whose request it is: a number for the API key's name; 0 = nobody's */
    char client_name[API_KEY_NAME_MAX + 1];

    bool failed;   /* `error` is to be the reply; the body is thrown away */
    bool complete; /* the request was read to its end */
    bool closes;   /* the connection ends with the reply */
    /* the reply may be kept by who asks before each use whether it still holds: it has an ETag */
    bool revalidates;
    http_error error;
    const char *allow; /* for the Allow header of a 405 */
    buf body;
    bool gzip;             /* the body is compressed */
    size_t body_held;      /* share of server.body_bytes */
    uint64_t body_seen;    /* bytes read, kept or not */
    unsigned status;       /* replied; 0 = not yet */
    size_t reply_held;     /* share of server.reply_bytes */
    size_t promised_bytes; /* share of server.promised_bytes */

    model_use *use; /* the model that the request is for, once it is there; NULL until then */
    char wanted[EXCHANGE_MODEL_BYTES + 1]; /* the model that is to be waited for; "" = the default */
    bool waits;                            /* for `wanted`, which is not loaded */
    model_waiter waiter;
    int64_t waits_until_ns; /* 0 = it has not waited yet */
    int64_t retry_ms;       /* for Retry-After, where the model tells; 0 = it does not */

    task task;                      /* for what is done on the task pool */
    scheduler_request *work;        /* NULL unless submitted */
    const scheduler_result *result; /* set by `done` */
    atomic_uint holders;            /* of submitter and `done`, those not through with it yet */
    atomic_bool gone;               /* the client went while the work was under way */
    request_facts facts;
    trace_root trace;                /* all zero where it is not traced */
    char *trace_state;               /* of the caller; NULL = none */
    api_call call;                   /* of the body, once it was read */
    scheduler_level served_by;       /* NONE = nothing was computed */
    buf reply;                       /* written, to be sent */
    size_t reply_head;               /* of it, JSON that bytes follow; 0 = it is all JSON */
    struct message_stream *messages; /* NULL: not a stream, or not begun */
    size_t reply_told;               /* bytes of a stream's replies */
};

/* Calls the member of each observer that has it. */
#define EXCHANGE_TELL(x, member, ...)                                                                        \
    do {                                                                                                     \
        for (const exchange_observer *const *each = (x)->observers; each != NULL && *each != NULL; each++)   \
            if ((*each)->member != NULL)                                                                     \
                (*each)->member(__VA_ARGS__);                                                                \
    } while (0)

/* The value of a header; NULL = there is none. */
static inline const char *exchange_header(const exchange *x, const char *name)
{
    return http_request_header(&x->stream->request, name);
}

/* Of x->use. */
static inline const encoder *exchange_encoder(const exchange *x)
{
    return x->use != NULL ? served_model_encoder(model_use_model(x->use)) : NULL;
}

static inline scheduler *exchange_scheduler(const exchange *x)
{
    return x->use != NULL ? served_model_scheduler(model_use_model(x->use)) : NULL;
}

/* Numbers that are computed for each text of a call to x->use. */
static inline size_t exchange_numbers(const exchange *x, const api_call *call)
{
    const encoder *enc = exchange_encoder(x);
    return encoder_numbers(enc, call->output, call->token_room);
}

/* The name of the request's model; of the default until it has one. */
static inline const char *exchange_model_name(const exchange *x)
{
    return x->use != NULL ? model_use_name(x->use) : model_set_default_name(x->owner->models);
}

/* The model that the header x-model names, for a request that names none by its path or in its body; NULL = it names none. */
const char *exchange_header_model(const exchange *x);
/* Fills *error: no model has that name. param: of the field that names it, or NULL. */
void exchange_unknown_model(const exchange *x, const char *name, const char *param, http_error *error);
/* Given to each call of the API: about x->use, and without the other models. */
api_service exchange_service(const exchange *x);

/* Sends the buffer's contents as JSON and leaves it empty. */
void exchange_reply(exchange *x, unsigned status, buf *body);
/* Sends a reply with the headers that all replies have, and takes it over. */
void exchange_send(exchange *x, http_reply *reply);
/* True while readers that do not read hold so much memory that no more should be computed. */
bool exchange_replies_pile_up(const server *s);
/* Sends x->error. */
void exchange_fail(exchange *x);
/* Sends the head of a reply in pieces (http_stream_begin); exchange_finish ends it, with x->error where x->failed is set. */
void exchange_begin(exchange *x);
void exchange_finish(exchange *x);

/* Counts bytes of a body that are kept, and that are not any more. False with x->error: there are too many, of all exchanges. */
bool exchange_hold_more(exchange *x, size_t bytes);
void exchange_hold_less(exchange *x, size_t bytes);
/* Frees the collected body before the reply. */
void exchange_release_body(exchange *x);

/* Has the route's `resume` called on the exchange's own thread. From any thread, once. */
void exchange_resume(exchange *x);

/* The observers of the service's exchanges: the log of requests and their traces; metrics are in server_metrics.h. */

/* The log of requests, written at the end of each: a line of the target "access", a warning where it was slow, and a line of
 * the target "http" with the hint where it failed. The target's lines and their fields are told in docs/OBSERVABILITY.md.
 *
 * No line holds a text, or anything that was sent but names and ids, unless the settings ask for it. */
/* whole: the reply was sent to the end. */
void request_log_end(exchange *x, bool whole);

/* The trace of an embedding request: the caller's place in it, read from the headers, and the spans of the request, made at
 * its end from the times that were noted on the way. docs/OBSERVABILITY.md draws the tree.
 *
 * A request that is not sampled costs the reading of a header and no more. */
/* The headers were checked. Other routes than the embedding ones are not traced. */
void request_trace_begin(exchange *x);
/* The reply is about to be handed to the connection. */
void request_trace_replied(exchange *x);
/* The request has ended; whole: its reply was sent to the end. */
void request_trace_end(exchange *x, bool whole);

/* The present time where the request is sampled, else 0: for times that only spans need. */
int64_t request_trace_now(const exchange *x);

#endif
