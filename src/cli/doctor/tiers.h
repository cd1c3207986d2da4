/* The CPU tiers of this machine with the precisions of each, for `doctor --json`. */
#ifndef CLI_DOCTOR_TIERS_H
#define CLI_DOCTOR_TIERS_H

#include "base/buf.h"

/* Appends a JSON array, best tier first: [{"name":"avx2","precisions":["fp32"],"default_precision":"fp32"}, …]. */
void doctor_append_tiers(buf *out);

#endif
