/* When the last failures happened, so that "5 failures within 10 s" is answered exactly and without a lock.
 *
 * Holds the times of the last `threshold` failures, one word each. A failure takes the place of the oldest one; the window
 * is full when all places hold failures younger than the window. A failure at time t counts at times t .. t + window - 1
 * and no longer: the fifth failure exactly 10 s after the first finds only four.
 *
 * Each word carries the generation that its failure belongs to. Failures of other generations are empty places: changing
 * the generation empties the window with no write. Failures are few by nature, as `threshold` of them within the window
 * end the generation, so that threads share these words. A lost race is run again: of threads that add at once, the last
 * sees all. Times of several threads may be out of order by as much as their clocks were read out of order. */
#ifndef RESILIENCE_FAILURE_WINDOW_H
#define RESILIENCE_FAILURE_WINDOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAILURE_WINDOW_MAX 64

typedef struct failure_window {
    size_t threshold;                              /* 1 .. FAILURE_WINDOW_MAX */
    uint64_t length_tick;                          /* >= 1 */
    _Atomic uint64_t failures[FAILURE_WINDOW_MAX]; /* generation, tick + 1; 0 = empty */
} failure_window;

void failure_window_init(failure_window *w, size_t threshold, uint64_t length_tick);

/* Adds a failure; true when it and those before it in this generation fill the window. tick < 2^47. Thread-safe. */
bool failure_window_add(failure_window *w, uint16_t generation, uint64_t tick);

/* Failures of the generation that count at `tick`; at most `threshold`. Thread-safe. */
size_t failure_window_count(const failure_window *w, uint16_t generation, uint64_t tick);

#endif
