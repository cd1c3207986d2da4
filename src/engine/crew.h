/* The threads that compute, one per core: they take passes from sources, each of which has an encoder and whatever
 * queue it likes. docs/THREADS.md says what that means for users.
 *
 * Work-conserving: a free worker hands out a finished result, or else takes a pass from the source that turns.h chooses,
 * or else helps with another worker's pass, so that one text alone is computed by all of them. A worker opens its
 * buffers for a source when it first needs them, before it takes a pass; they stay until the source is removed. A worker
 * without memory for them leaves the source to the others for a second. The first worker's are opened with the source,
 * so there is always one that can compute.
 *
 * One lock guards the crew and all its sources: it is held for some microseconds between passes, never during one. So a
 * source may be added and removed while workers compute; removing waits for those inside.
 *
 * Not here: the making up of passes (the sources'), and threads of devices beyond the CPU (device_lane.h). */
#ifndef ENGINE_CREW_H
#define ENGINE_CREW_H

#include "base/log.h"
#include "engine/encoder.h"
#include "engine/turns.h"

#include <pthread.h>

typedef struct crew crew;
typedef struct crew_source crew_source;
typedef struct crew_worker crew_worker;

typedef struct crew_settings {
    unsigned threads; /* >= 1 */
    bool pinned;      /* each is tied to a CPU of its own, physical cores first */
    const char *name; /* of the threads; static storage */
    log_sink log;
} crew_settings;

/* The functions of a source, which workers call. `pass`: what its `open` has made for the worker that calls. */
typedef struct crew_calls {
    /* With the lock held; must be short and not let go of it. */
    bool (*waits)(void *cookie); /* true when anything waits for a pass, however long it is to wait */
    void (*offer)(void *cookie, int64_t now_ns, turns_offer *out);
    /* Makes up the pass that was offered; `takers` workers, this one included, are free to share what waits. */
    void (*take)(void *cookie, void *pass, unsigned takers, int64_t now_ns);
    void (*settle)(void *cookie, void *pass); /* after `compute`; books its outcome */
    bool (*has_finished)(void *cookie);       /* there is a result to be delivered; NULL = never */
    void *(*pop_finished)(void *cookie);      /* the next one */

    /* Without the lock. */
    void (*compute)(void *cookie, void *pass, crew_worker *w); /* calls crew_compute */
    void (*deliver)(void *cookie, void *finished);
    /* *bytes: adds what it takes. NULL = a pass needs nothing beside the encoder's state. Error: AKI_OUT_OF_MEMORY. */
    aki_status (*open)(void *cookie, void **pass, size_t *bytes, aki_error *error);
    void (*close)(void *cookie, void *pass);
    void *cookie;
} crew_calls;

/* Starts the threads. Error: AKI_OUT_OF_MEMORY (also: no more threads to be had). */
AKI_MUST_CHECK aki_status crew_open(crew **out, const crew_settings *settings, aki_error *error);
/* Ends and joins the threads. All sources have been removed. NULL allowed. */
void crew_close(crew *c);
unsigned crew_threads(const crew *c);
/* How long the worker that has been busy the longest has been computing a pass, helping with another's, delivering a
 * result or opening buffers; 0 when all wait for work. For the watchdog. */
int64_t crew_longest_absence_ms(crew *c);

/* The lock. Its owners may hold what of theirs it guards for as long as a worker may wait between two passes. */
pthread_mutex_t *crew_lock(crew *c);

/* From any thread but a worker's, the lock not held. The encoder outlives the source. Errors: AKI_OUT_OF_MEMORY, and
 * those of `open`. */
AKI_MUST_CHECK aki_status crew_add(crew_source **out, crew *c, const encoder *enc, const crew_calls *calls,
                                   aki_error *error);
/* Waits until nothing of the source waits, runs or is to be delivered. It must take in nothing more. */
void crew_drain(crew_source *s);
/* No pass of the source begins any more; returns when no worker is inside, and closes the buffers. What waits in it
 * stays its owner's. NULL allowed. */
void crew_remove(crew_source *s);
/* With the lock held: what the workers' buffers for the source take, as far as they are open. */
size_t crew_source_bytes(const crew_source *s);

/* With the lock held: how many sources share the workers at the moment, this one included; 1 where s is NULL. */
unsigned crew_sharers(const crew_source *s);

/* With the lock held: something was queued or finished, so `shares` workers are to look, whether they wait or help. */
void crew_call(crew *c, size_t shares);
/* With the lock held: when interactive work last came, to any source, so that bulk passes of all are kept short
 * meanwhile; 0 = never. */
void crew_note_interactive(crew *c, int64_t now_ns);
int64_t crew_interactive_ns(const crew *c);

/* For `compute`: one pass, or a part of it, on the CPU, with those who come to help. As encoder_run. *begun_ns: when the
 * token ids were where the encoder reads them; NULL = not wanted. */
AKI_MUST_CHECK aki_status crew_compute(crew_worker *w, encoder_sequence *sequences, size_t count,
                                       int64_t *begun_ns, aki_error *error);
/* The encoder's state with which the worker computes. */
encoder_state *crew_worker_state(const crew_worker *w);

#endif
