/* A circuit breaker: stops calls to what fails, tries it again with few calls, and lets all through when they succeed.
 *
 *     closed     --- `failures` failures within `window` --->  open
 *     open       --- after `cooldown` ---------------------->  half-open
 *     half-open  --- `successes` successful probes --------->  closed
 *     half-open  --- one failed or expired probe ----------->  open
 *
 * State, generation and deadline are one word; each change of state is one compare-and-swap that also raises the
 * generation. A call takes the generation along in its ticket and its outcome counts only if that is still the present one,
 * so that nothing that was let in before a change can decide anything after it. A closed breaker is asked by one load; a
 * success adds to a counter of this CPU and writes nothing that other CPUs read; failures take the exact window of
 * failure_window.h.
 *
 * In half-open at most `probes` calls are out at once. Each holds a lease: a probe that has not reported when it ends
 * counts as a failure, so that no call that hangs can keep the breaker half-open. An ignored outcome (the caller's input
 * was wrong, the caller left) gives the permit back and says nothing about what is guarded.
 *
 * Times are the caller's, monotonic, in ns, and are taken in whole milliseconds. There is no thread, no lock, no
 * callback and no wall clock; changes that time brings (cooldown over, lease ended) are made by whoever asks next. All
 * functions but breaker_init are thread-safe. */
#ifndef RESILIENCE_BREAKER_H
#define RESILIENCE_BREAKER_H

#include "resilience/failure_window.h"
#include "resilience/jitter.h"
#include "resilience/probe_leases.h"

#define BREAKER_PROBES_MAX PROBE_LEASES_MAX
#define BREAKER_SUCCESSES_MAX 7
#define BREAKER_JITTER_MAX_PERCENT 50
#define BREAKER_SHARDS 16
#define BREAKER_TIME_MAX_NS (INT64_C(31536000) * 1000000000) /* the longest setting: a year */

/* X(symbol, name). The first three are those of the machine above; the others are set by breaker_force and stay. */
#define BREAKER_STATES(X)                                                                                    \
    X(BREAKER_CLOSED, "closed")                                                                              \
    X(BREAKER_HALF_OPEN, "half_open")                                                                        \
    X(BREAKER_OPEN, "open")                                                                                  \
    X(BREAKER_FORCED_OPEN, "forced_open")   /* refuses all */                                                \
    X(BREAKER_DISABLED, "disabled")         /* lets all through, judges nothing */                           \
    X(BREAKER_METRICS_ONLY, "metrics_only") /* lets all through, counts when it would have opened */

typedef enum breaker_state {
#define BREAKER_STATE_ENUM(symbol, name) symbol,
    BREAKER_STATES(BREAKER_STATE_ENUM)
#undef BREAKER_STATE_ENUM
        BREAKER_STATE_COUNT
} breaker_state;

typedef enum breaker_outcome {
    BREAKER_SUCCESS,
    BREAKER_FAILURE,
    BREAKER_IGNORED, /* neither: the input was invalid, the call was cancelled */
    BREAKER_OUTCOME_COUNT
} breaker_outcome;

typedef struct breaker_settings {
    unsigned failures;   /* 1 .. FAILURE_WINDOW_MAX */
    int64_t window_ns;   /* >= 1 ms */
    int64_t cooldown_ns; /* >= 1 ms */
    /* >= cooldown_ns: each opening from half-open doubles the cooldown up to this (and 128 times); equal to cooldown_ns: always the same */
    int64_t cooldown_max_ns;
    /* 0 .. BREAKER_JITTER_MAX_PERCENT: a cooldown is longer or shorter by up to this, drawn at random */
    unsigned cooldown_jitter_percent;
    unsigned probes;    /* out at once in half-open: 1 .. BREAKER_PROBES_MAX */
    unsigned successes; /* that close it: 1 .. BREAKER_SUCCESSES_MAX */
    int64_t lease_ns;   /* the longest that a probe may take; >= 1 ms */
} breaker_settings;

/* No growth, no jitter, leases of 10 s, and: */
#define BREAKER_DEFAULT_FAILURES 5
#define BREAKER_DEFAULT_WINDOW_S 10
#define BREAKER_DEFAULT_COOLDOWN_S 30
#define BREAKER_DEFAULT_PROBES 1
#define BREAKER_DEFAULT_SUCCESSES 2
extern const breaker_settings breaker_defaults;

typedef struct breaker_shard {
    _Alignas(64) _Atomic uint64_t calls[BREAKER_OUTCOME_COUNT];
    _Atomic uint64_t late, not_permitted;
} breaker_shard;

/* Private but for its size; may stand in a larger struct, never moves. */
typedef struct breaker {
    _Alignas(64) _Atomic uint64_t word;
    breaker_settings settings;
    int64_t born_ns;
    jitter noise;
    probe_leases leases;
    _Atomic uint64_t transitions[BREAKER_STATE_COUNT][BREAKER_STATE_COUNT];
    _Atomic uint64_t would_have_opened, expired;
    failure_window window;
    breaker_shard shards[BREAKER_SHARDS]; /* by CPU */
} breaker;

/* Ticket of a call that was let in, handed back with its outcome. Plain data, to be copied. */
typedef struct breaker_ticket {
    probe_lease lease; /* of a probe; lease.lease == 0: not a probe */
    uint16_t generation;
} breaker_ticket;

typedef struct breaker_counts {
    uint64_t transitions[BREAKER_STATE_COUNT][BREAKER_STATE_COUNT]; /* [from][to] */
    uint64_t calls[BREAKER_OUTCOME_COUNT];                          /* whose outcome counted */
    uint64_t late;              /* outcomes that came after a change of state, and decided nothing */
    uint64_t not_permitted;     /* refused calls */
    uint64_t expired;           /* probes whose lease ended */
    uint64_t would_have_opened; /* in BREAKER_METRICS_ONLY */
    unsigned probes_in_flight;
    unsigned failures_in_window;
} breaker_counts;

/* NULL when the settings are within their bounds, or what is wrong with them: static text. */
const char *breaker_settings_problem(const breaker_settings *settings);

/* Closed. `settings` are copied and must be within their bounds. `seed` is for jitter alone. */
void breaker_init(breaker *b, const breaker_settings *settings, uint64_t seed, int64_t now_ns);

/* Asks to make a call. True fills *ticket, and breaker_record must follow, whatever happens. False: not permitted; ask
 * breaker_wait_ns when to come back. */
bool breaker_admit(breaker *b, int64_t now_ns, breaker_ticket *ticket);

/* Reports how the call went, once for each ticket. False when that came too late to count. */
bool breaker_record(breaker *b, breaker_ticket ticket, breaker_outcome outcome, int64_t now_ns);

/* The state, after the changes that time has brought. An open breaker whose cooldown is over reads half-open even if
 * nobody calls, so that what asks for readiness sees that calls are welcome. */
breaker_state breaker_current(breaker *b, int64_t now_ns);

/* How long until a call may be let through: 0 = now; INT64_MAX = not before breaker_reset or breaker_force. While all
 * probes are out, the time until the first lease ends. */
int64_t breaker_wait_ns(breaker *b, int64_t now_ns);

/* Closes it with an empty window, from any state; calls still out are late. */
void breaker_reset(breaker *b, int64_t now_ns);

/* Goes to BREAKER_FORCED_OPEN, BREAKER_DISABLED, BREAKER_METRICS_ONLY, or with BREAKER_OPEN opens it for one cooldown.
 * BREAKER_CLOSED is breaker_reset. BREAKER_HALF_OPEN is not taken: false. */
bool breaker_force(breaker *b, breaker_state state, int64_t now_ns);

/* Each number is exact; together they are as of nearly the same moment. */
void breaker_read_counts(breaker *b, int64_t now_ns, breaker_counts *counts);

const char *breaker_state_name(breaker_state state);

/* The kernel's coarse monotonic clock, 1 to 10 ms behind at most and cheap. May be mixed with CLOCK_MONOTONIC. */
int64_t breaker_clock_ns(void);

#endif
