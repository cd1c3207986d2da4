/* One submitted request: its token ids, the vectors to be, and how far it has come. The fields under "state" belong to
 * the scheduler's lock. */
#ifndef SCHEDULER_REQUEST_H
#define SCHEDULER_REQUEST_H

#include "encoder/scratch_pool.h"
#include "scheduler/scheduler.h"

struct scheduler_request {
    scheduler *owner;
    scheduler_done_fn done;
    void *cookie;

    encoder_sequence *sequences; /* [count] */
    int32_t *ids;                /* [tokens]: the sequences' ids end to end */
    float *vectors;              /* [count][dimension] f32 */
    aki_text_info *info;         /* [count] */
    size_t count, tokens;
    size_t bytes; /* of the arrays above */
    int64_t deadline_ns;
    int64_t tokenize_ns, submitted_ns;

    /* state */
    size_t taken;   /* sequences handed to passes so far */
    size_t running; /* of these, in passes under way */
    size_t waiting_tokens;
    bool queued; /* some sequences wait in the queue */
    int64_t begun_ns;
    scheduler_request *previous, *next; /* in the queue or the finished list */

    scheduler_result result; /* complete when `done` is called */
};

/* Tokenizes the texts. dimension: floats per vector. Errors as scheduler_submit's. */
AKI_MUST_CHECK aki_status request_open(scheduler_request **out, const encoder *enc, scratch_pool *scratches,
                                       const aki_text *texts, size_t count, const aki_embed_options *options,
                                       aki_error *error);

/* The first failure of a request stands. */
void request_fail(scheduler_request *request, const aki_error *error);

#endif
