/* One pass: the sequences that a worker computes at once, and the texts that wait for them.
 *
 * Equal sequences of whichever requests (same tokens, pooling and normalisation) are computed once: vectors do not
 * depend on their neighbours, so the copies are what computing again would give, bit for bit. Those that give a vector for every token are
 * computed each. */
#ifndef SCHEDULER_PASS_H
#define SCHEDULER_PASS_H

#include "engine/device_lane.h"
#include "scheduler/device_chain.h"
#include "scheduler/request.h"

typedef struct pass_owner {
    scheduler_request *request;
    size_t index;    /* of the sequence in the request */
    size_t computed; /* of the sequence in the pass; its vector is the first owner's */
} pass_owner;

typedef struct pass {
    encoder_sequence *sequences; /* [count] of [capacity] */
    uint64_t *hashes;            /* [count] of [capacity]: the sequences' hashes */
    size_t count, tokens;
    pass_owner *owners; /* [owners_count] of [capacity] */
    size_t owners_count, capacity;

    /* How it went; set by the runner below. */
    scheduler_level level; /* that computed, or found among cached results */
    unsigned attempts;     /* calls of devices */
    device_times times;    /* of the GPU */
    const char *cause;     /* of vectors that are not finite; NULL = all are, or the pass failed */
    int64_t gathered_ns; /* token ids were where the CPU reads them; 0 = not traced, or not computed by it */

    bool traced;               /* one of the requests is traced */
    bool judged;               /* one of the requests has a judge */
    bool probes;               /* consists of a health probe only */
    uint64_t cache_generation; /* of the cache, read before the pass was computed */

    int64_t begun_ns, expires_ns; /* no attempt is made after expires_ns; INT64_MAX = no limit */
} pass;

/* capacity: owners, and thus sequences, that one pass can have. False = out of memory; pass_free is due all the same. */
AKI_MUST_CHECK bool pass_init(pass *p, size_t capacity);
void pass_free(pass *p);
/* Memory that the pass's arrays take. */
size_t pass_bytes(const pass *p);
void pass_clear(pass *p);

/* Adds sequence `index` of the request, unless the pass has no room for it: a pass takes one sequence of any length, and
 * then as long as it has less than share_tokens and stays within max_tokens. What equals a sequence of the pass costs
 * nothing. *cost_tokens: what was added to the pass's tokens. */
AKI_MUST_CHECK bool pass_add(pass *p, scheduler_request *request, size_t index, size_t share_tokens,
                             size_t max_tokens, size_t *cost_tokens);

/* After the computation, outside any lock: gives the vectors to the owners of equal sequences. */
void pass_spread(const pass *p);

/* One pass through the chain of devices: GPU, CPU, cached results.
 *
 * Each device is called only as its circuit breaker allows. Where a device below can compute, a failure falls to it at
 * once: its answer comes sooner than any second attempt could, and what failed is left alone. Only the last device of the
 * chain is tried again, after a backoff, for failures that may pass by themselves, and never past the earliest deadline of
 * the pass's requests. What no device could compute is looked for among the results kept by exact text. */

typedef struct pass_runner {
    device_chain *chain;
    result_cache *cache; /* NULL = none */
    device_lane **lane;  /* the worker's */
    /* Computes the pass on the CPU, as encoder_run. */
    aki_status (*compute)(void *cookie, aki_error *error);
    /* Waits; false = the time of waiting is over for good, because the scheduler stops. */
    bool (*pause)(void *cookie, int64_t until_ns);
    void *cookie;
} pass_runner;

/* AKI_OK: every sequence has its vector, or its own failure, and p->level says who computed. Otherwise the error is that of
 * all sequences whose status is not AKI_OK: the others were found in the cache. Fills p->level, p->attempts and p->times. */
AKI_MUST_CHECK aki_status pass_runner_run(const pass_runner *runner, pass *p, aki_error *error);

#endif
