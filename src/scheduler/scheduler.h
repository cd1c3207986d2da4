/* Work from many requests, computed in token-budget passes by one worker thread per core.
 *
 * Work-conserving: a free worker takes what is queued, first come first served, at once: up to the encoder's pass
 * budget, or its share of what is queued where other workers are idle. Texts of several requests share a pass and a
 * large request is spread over passes and workers. The queue is bounded in requests, tokens and bytes; what does not
 * fit is refused at once with AKI_OVERLOADED, except that an empty queue takes any one request. Expired or cancelled
 * work is dropped before it costs a pass. */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

#include "akidb/embed.h"
#include "base/log.h"
#include "encoder/encoder.h"

typedef struct scheduler scheduler;
typedef struct scheduler_request scheduler_request;

typedef struct scheduler_settings {
    unsigned workers;          /* >= 1 */
    size_t max_queue_requests; /* waiting, not yet begun */
    size_t max_queue_tokens;   /* waiting, not yet in a pass */
    size_t max_queue_bytes;    /* of token ids and vectors, of all requests not yet done */
    log_sink log;
} scheduler_settings;

typedef struct scheduler_result {
    aki_status status; /* AKI_OK, or why the whole request failed */
    aki_error error;
    const float *vectors;      /* [count][dimension] */
    const aki_text_info *info; /* [count] */
    size_t count;
    int64_t tokenize_ns;  /* on the submitting thread */
    int64_t queue_ns;     /* from there to the first pass */
    int64_t inference_ns; /* from the first pass's begin to the last one's end */
} scheduler_result;

/* Called exactly once per submitted request, from a worker's thread, soon and without blocking it. The result lives
 * until scheduler_request_free. */
typedef void (*scheduler_done_fn)(void *cookie, scheduler_request *request, const scheduler_result *result);

/* The encoder must outlive the scheduler. Error: AKI_OUT_OF_MEMORY (also: no more threads to be had). */
AKI_MUST_CHECK aki_status scheduler_open(scheduler **out, const encoder *enc,
                                         const scheduler_settings *settings, aki_error *error);
/* Finishes or, with `abandon`, cancels what is queued, and joins the workers: when it returns, every `done` has been
 * called. Later submissions are refused with AKI_CANCELLED. Once, from one thread. */
void scheduler_stop(scheduler *s, bool abandon);
/* Stops as with `abandon` where that was not done, and frees. No other call may be under way. NULL allowed. */
void scheduler_close(scheduler *s);

/* Copies nothing: the texts must live until this returns. deadline_ns: clock_monotonic_ns value, INT64_MAX = none.
 * options NULL = all defaults. Validation and tokenizing happen on the calling thread before it returns; their errors
 * (AKI_INVALID_ARGUMENT, AKI_EMPTY_TEXT, AKI_INVALID_UTF8, AKI_TEXT_TOO_LONG, each with the text's index,
 * AKI_OUT_OF_MEMORY), AKI_OVERLOADED and AKI_CANCELLED (stopping) are returned here and `done` is then never called.
 * *out is set before `done` can run, and `done` may run before this returns. Later failures reach `done`:
 * AKI_DEADLINE_EXCEEDED, AKI_CANCELLED, AKI_NOT_FINITE, AKI_MODEL_CHANGED. */
AKI_MUST_CHECK aki_status scheduler_submit(scheduler *s, const aki_text *texts, size_t count,
                                           const aki_embed_options *options, int64_t deadline_ns,
                                           scheduler_done_fn done, void *cookie, scheduler_request **out,
                                           aki_error *error);
/* The client has gone: work not yet in a pass is dropped; `done` is still called (AKI_CANCELLED or the result). Not
 * after scheduler_request_free. */
void scheduler_cancel(scheduler_request *request);
/* After `done` only; the scheduler may be closed by then. NULL allowed. */
void scheduler_request_free(scheduler_request *request);

/* Estimated time until a request submitted now would begin, from the tokens queued and in passes and the measured
 * tokens per second; for Retry-After. 0 before anything was measured. */
int64_t scheduler_backlog_ms(scheduler *s);

/* How long the longest of the passes under way has been running; 0 when none is. For the watchdog. */
int64_t scheduler_longest_pass_ms(scheduler *s);

#endif
