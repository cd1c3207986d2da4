/* A submission of texts to a scheduler, and its result. */
#ifndef SCHEDULER_SUBMISSION_H
#define SCHEDULER_SUBMISSION_H

#include "akidb/embed.h"
#include "engine/encoder.h"
#include "scheduler/settings.h"

typedef struct scheduler scheduler;
typedef struct scheduler_request scheduler_request;

/* When the steps of a pass ended, each beginning where the one before it ended; by clock_monotonic_ns. */
typedef struct scheduler_pass_times {
    int64_t begun_ns;    /* it was made up, and began */
    int64_t gathered_ns; /* token ids were where the model reads them */
    encoder_steps steps; /* all 0 where the device does not tell */
    int64_t ended_ns;    /* the last step that the device does */
    int64_t handed_ns;   /* vectors were where their requests read them */
    size_t texts, tokens;
    scheduler_level level; /* that computed it, or found it among cached results */
} scheduler_pass_times;

/* Times of a request for its trace, by clock_monotonic_ns; 0 = the request did not get so far. Only submitted_ns and
 * begun_ns are there for a request that is not traced. */
typedef struct scheduler_times {
    int64_t submitted_ns;      /* it was tokenized and went into the queue */
    int64_t begun_ns;          /* its first pass was being made up */
    int64_t first_pass_ns;     /* that pass began */
    unsigned passes;           /* that computed any of its texts */
    scheduler_pass_times last; /* of the one that ended last */
} scheduler_times;

#define SCHEDULER_CLASSES 2
typedef enum scheduler_priority {
    SCHEDULER_PRIORITY_AUTO, /* by size: interactive where any single text would be, else bulk */
    SCHEDULER_PRIORITY_INTERACTIVE,
    SCHEDULER_PRIORITY_BULK,
} scheduler_priority;

/* Why one text of a request has no vector. */
typedef struct scheduler_item_error {
    size_t index; /* of the text */
    aki_status status;
    char message[256];
} scheduler_item_error;

typedef struct scheduler_result {
    aki_status status; /* AKI_OK, or why the whole request failed */
    aki_error error;
    const float *vectors;      /* [count][encoder_numbers]; of a text in item_errors: zeros */
    const aki_text_info *info; /* [count]; likewise */
    size_t count;
    /* [item_errors_count], by rising index; none unless on_error_item */
    const scheduler_item_error *item_errors;
    size_t item_errors_count;
    int64_t tokenize_ns;  /* on the submitting thread */
    int64_t queue_ns;     /* from there to the first pass */
    int64_t inference_ns; /* from the first pass's begin to the last one's end */
    scheduler_level served_by;
    unsigned device_attempts;  /* calls of devices by its passes, failed ones included */
    device_times device_times; /* of its passes on the GPU */
    scheduler_times times;
} scheduler_result;

/* Called exactly once per submitted request, from a worker's thread or, where nothing had to be computed, from within
 * scheduler_submit; to return soon and without blocking. The result lives until scheduler_request_free. */
typedef void (*scheduler_done_fn)(void *cookie, scheduler_request *request, const scheduler_result *result);

/* Returns true when a vector that a device of that level computed is right. Called by a worker's thread before the
 * vector is used; must return soon. */
typedef bool (*scheduler_judge_fn)(void *cookie, scheduler_level level, const float *vector);

/* The token ids of a text, special tokens included: 1 to encoder_max_tokens, each below the vocabulary's size. */
typedef struct scheduler_ids {
    int32_t *ids; /* [count]; NULL = the text itself counts */
    size_t count;
    bool truncated; /* for aki_text_info */
    size_t second;  /* as in encoder_sequence */
} scheduler_ids;

/* All zero but texts, count and done is a plain request. */
typedef struct scheduler_submission {
    const aki_text *texts; /* [count]; data NULL = what stands there is not a text: AKI_INVALID_ARGUMENT */
    /* [count]: embedded instead of the text, and not kept in the cache; NULL = none */
    const scheduler_ids *ids;
    size_t count;
    /* Where it is no VECTOR, nothing is kept in the cache, or answered from it. */
    encoder_output output;
    /* For outputs of tokens: how many a text has at most. All texts must be given by their ids. scheduler_result.vectors is then
     * [count][token_room][numbers of a token], filled as far as info says. Else 0. */
    size_t token_room;
    /* Vectors are computed whole, so `dimensions` must be 0. A prompt stands before texts, never before ids. */
    aki_embed_options options;
    scheduler_priority priority;
    /* a text that cannot be embedded fails alone, as a scheduler_item_error, not the request */
    bool on_error_item;
    /* A health probe: never refused because of load, never answered from the cache, not counted. Priority, client and
     * times have no effect. */
    bool probe;
    bool calibrates; /* a probe whose passes count for the measured speed */
    /* Checks the device; NULL = no check. A wrong vector fails the pass, opens the device's circuit breaker, and
     * drops from the cache what the device has computed since it was last found right. Until a judge finds it right,
     * an open breaker lets only passes with a judge probe it. */
    scheduler_judge_fn judge;
    bool traced;     /* scheduler_result.times is wanted; costs some readings of the clock per pass */
    uint64_t client; /* whose request it is, for fairness between clients; 0 = nobody's in particular */
    /* clock_monotonic_ns values; 0 = none. The latest time for the first pass to begin, and the caller's own
     * deadline. From the first pass on, work_time.h limits the request. */
    int64_t begin_by_ns, deadline_ns;
    /* The log's name of the request; NULL = none. Lives until scheduler_request_free. */
    const char *label;
    scheduler_done_fn done;
    void *cookie;
} scheduler_submission;

/* After `done` only; the scheduler may be closed by then. NULL allowed. */
void scheduler_request_free(scheduler_request *request);

#endif
