/* Work from many requests, computed in token-budget passes by one worker thread per core.
 *
 * Work-conserving: a free worker takes what is queued, first come first served, up to the encoder's pass budget, at
 * once; texts of several requests share a pass and a large request is spread over passes and workers. The queue is
 * bounded in requests, texts, tokens and bytes; what does not fit is refused at once with AKI_OVERLOADED. Expired or
 * cancelled work is dropped before it costs a pass. */
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
    size_t max_queue_tokens;
    size_t max_queue_bytes; /* of token ids and vectors */
    log_sink log;
} scheduler_settings;

typedef struct scheduler_result {
    aki_status status; /* AKI_OK, or why the whole request failed */
    aki_error error;
    const float *vectors;      /* [count][dimension] */
    const aki_text_info *info; /* [count] */
    size_t count;
    int64_t queue_ns, tokenize_ns, inference_ns;
} scheduler_result;

/* Called exactly once per submitted request, from a worker's thread, soon and without blocking it. The result lives
 * until scheduler_request_free. */
typedef void (*scheduler_done_fn)(void *cookie, scheduler_request *request, const scheduler_result *result);

AKI_MUST_CHECK aki_status scheduler_open(scheduler **out, const encoder *enc,
                                         const scheduler_settings *settings, aki_error *error);
/* Finishes or, with `abandon`, cancels what is queued, joins the workers. NULL allowed. */
void scheduler_close(scheduler *s, bool abandon);

/* Copies nothing: the texts must live until `done`. deadline_ns: clock_monotonic_ns value, INT64_MAX = none.
 * Validation and tokenizing happen on the calling thread before it returns; their errors (AKI_EMPTY_TEXT,
 * AKI_INVALID_UTF8, AKI_TEXT_TOO_LONG) and AKI_OVERLOADED are returned here and `done` is then never called.
 * `done` may run before this returns. */
AKI_MUST_CHECK aki_status scheduler_submit(scheduler *s, const aki_text *texts, size_t count,
                                           const aki_embed_options *options, int64_t deadline_ns,
                                           scheduler_done_fn done, void *cookie, scheduler_request **out,
                                           aki_error *error);
/* The client has gone: work not yet in a pass is dropped; `done` is still called (AKI_CANCELLED or the result). */
void scheduler_cancel(scheduler_request *request);
/* After `done` only. */
void scheduler_request_free(scheduler_request *request);

/* Estimated time until a request submitted now would begin, from the queued tokens and the measured tokens per
 * second; for Retry-After. */
int64_t scheduler_backlog_ms(const scheduler *s);

#endif
