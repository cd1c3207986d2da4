/* One pass: the sequences that a worker computes at once, and the texts that wait for them.
 *
 * Equal sequences of whichever requests (same tokens, pooling and normalisation) are computed once: vectors do not
 * depend on their neighbours, so the copies are what computing again would give, bit for bit. Those that give a vector for every token are
 * computed each. */
#ifndef SCHEDULER_PASS_H
#define SCHEDULER_PASS_H

#include "engine/device_lane.h"
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

    /* How it went; by pass_runner.h. */
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

#endif
