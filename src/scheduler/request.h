/* One submitted request: its token ids, the vectors to be, and how far it has come. The fields under "state" belong to
 * the scheduler's lock. */
#ifndef SCHEDULER_REQUEST_H
#define SCHEDULER_REQUEST_H

#include "base/siphash.h"
#include "engine/worker_pool.h"
#include "scheduler/result_cache.h"
#include "scheduler/submission.h"

/* Shared by all requests of a scheduler. */
typedef struct request_context {
    const encoder *enc;
    scratch_pool *scratches;
    siphash_key hash_key;
    result_cache *cache; /* NULL = none */
    bool cache_first;    /* look there before computing; else it is for when nothing can compute */
} request_context;

/* A text that equals an earlier one of its request. */
typedef struct text_copy {
    size_t text, of;
} text_copy;

struct scheduler_request {
    scheduler *owner;
    scheduler_done_fn done;
    void *cookie;
    scheduler_priority priority; /* never AUTO */
    bool on_error_item, probe, calibrates, traced;
    scheduler_judge_fn judge; /* NULL = none */
    uint64_t client;
    int64_t begin_by_ns; /* the latest time for its first pass; INT64_MAX = none */
    int64_t deadline_ns; /* of its caller; INT64_MAX = none */
    const char *label;   /* what the log calls it; NULL = nothing. The submitter's */

    size_t texts;        /* count of texts */
    size_t dimension;    /* floats per vector */
    float *vectors;      /* [texts][dimension] f32 */
    aki_text_info *info; /* [texts] */

    encoder_sequence *sequences; /* [count]: what has to be computed, in the order of the texts */
    size_t *text_of;             /* [count]: each sequence's text, rising */
    uint64_t *hashes;            /* [count]: of each sequence's ids and options */
    cache_entry **entries;       /* [count]: to be, for the cache; NULL where none is used */
    int32_t *ids;                /* [tokens]: the sequences' ids end to end */
    size_t count, tokens;
    text_copy *copies; /* [copies_count]: of texts whose vectors come from elsewhere in the request */
    size_t copies_count;
    size_t bytes; /* of all arrays */
    int64_t tokenize_ns, submitted_ns;

    /* state */
    size_t taken;   /* sequences handed to passes so far */
    size_t running; /* of these, in passes under way */
    size_t waiting_tokens;
    bool queued;   /* some sequences wait in the queue */
    bool finished; /* on the finished list, or already taken from it */
    int64_t begun_ns;
    int64_t reported_ns; /* when its progress was last logged; before that, when it began */
    int64_t noted_ns;    /* begin of the pass last added to result.times */
    int64_t expires_ns;  /* when its waiting sequences are dropped */
    size_t heap_index;   /* in the heap of deadlines, while queued */
    struct client_flow *flow;
    scheduler_request *previous, *next; /* in the queue or the finished list */
    scheduler_item_error *item_errors;  /* [item_errors_count], in any order until request_complete */
    size_t item_errors_count, item_errors_room;

    scheduler_result result; /* complete when `done` is called */
};

/* Finds out what has to be computed: texts that occur twice count once, those in the cache not at all, the others are
 * tokenized. Errors as scheduler_submit's. A request whose `count` is 0 has nothing to compute. Its class, where the
 * submission leaves that open, is interactive if any single text can have as many tokens. */
AKI_MUST_CHECK aki_status request_open(scheduler_request **out, const request_context *context,
                                       const scheduler_submission *submission, aki_error *error);

/* The part of request_open that reads the texts (request_texts.c): fills the arrays of a request that has room for all
 * texts. */
AKI_MUST_CHECK aki_status request_read_texts(scheduler_request *request, const request_context *context,
                                             const scheduler_submission *submission, aki_error *error);

/* The first failure of a request stands. */
void request_fail(scheduler_request *request, const aki_error *error);
/* Books the failure of one text: with on_error_item as its own, else as the request's. */
void request_fail_text(scheduler_request *request, size_t text, const aki_error *error);

/* Hands the vector of a computed sequence to the cache; generation: of the cache, before it was computed. While the request has
 * sequences in a pass, outside the lock. */
void request_keep(scheduler_request *request, size_t sequence, result_cache *cache, uint64_t generation);

/* Fills the result, times apart, once nothing of the request waits or runs. Before `done`, outside the lock. */
void request_complete(scheduler_request *request);

#endif
