/* Which of two instructions does more work on a core that nobody has measured: a short race of register-only bursts
 * (kernel_precision.burst). */
#ifndef KERNELS_RACE_H
#define KERNELS_RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `rounds` rounds of an instruction; returns the operations done. */
typedef double (*race_burst)(size_t rounds);

/* CPU time of the calling thread. */
int64_t race_thread_ns(void);

/* True where the challenger does at least 1.2 times the operations per second of the champion: less would be lost again around
 * the products. A clock that stands still ends the race in the champion's favour. Takes less than 10 ms at the speed of any
 * core that has the instructions, about 4 ms usually. now_ns: race_thread_ns, or a clock of a test. */
bool race_is_won(race_burst challenger, race_burst champion, int64_t (*now_ns)(void));

#endif
