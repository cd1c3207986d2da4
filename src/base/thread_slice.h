/* How long a thread computes at a time before another one that is as important gets its turn. */
#ifndef BASE_THREAD_SLICE_H
#define BASE_THREAD_SLICE_H

#include <stdint.h>

/* Of the calling thread, and of each that it starts from then on. A short slice lets a thread that wakes up begin at once beside
 * those that compute for long, as answering clients must beside inference; the share of the CPUs stays the same. The system
 * takes 0.1 to 100 ms. Returns the former slice, to be set again; 0, and nothing changes, where there is none (Linux before
 * 6.12). */
int64_t thread_slice_set(int64_t ns);

#endif
