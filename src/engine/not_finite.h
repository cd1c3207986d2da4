/* Finds out why vectors of a model contain NaN or infinity: damaged weights, or sums that overflow f32. */
#ifndef ENGINE_NOT_FINITE_H
#define ENGINE_NOT_FINITE_H

#include "base/log.h"
#include "engine/device/cpu_device.h"

typedef struct not_finite not_finite;

/* NULL = out of memory. */
not_finite *not_finite_open(void);
void not_finite_close(not_finite *n); /* NULL allowed */

/* Returns the cause as one clause, to follow a colon; valid as long as n. The first call reads all weights and logs
 * the finding; other threads wait meanwhile. Thread-safe. */
const char *not_finite_cause(not_finite *n, const model *files, const cpu_device *cpu, const log_sink *log);

#endif
