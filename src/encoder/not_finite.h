/* Says why vectors of a model come out with NaN or infinity: damaged weights, or sums that leave f32. */
#ifndef ENCODER_NOT_FINITE_H
#define ENCODER_NOT_FINITE_H

#include "base/log.h"
#include "device/cpu_device.h"

typedef struct not_finite not_finite;

/* NULL = out of memory. */
not_finite *not_finite_open(void);
void not_finite_close(not_finite *n); /* NULL allowed */

/* One clause, to stand behind a colon; lives as long as n. The first call reads all weights, and writes what it finds to
 * the log; others meanwhile wait. Thread-safe. */
const char *not_finite_cause(not_finite *n, const model *files, const cpu_device *cpu, const log_sink *log);

#endif
