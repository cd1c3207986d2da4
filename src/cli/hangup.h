/* SIGHUP as something to wait for: the wish that a server reads its certificate and keys again. Only for commands that
 * have something to read again; the others end by it, as is usual. */
#ifndef CLI_HANGUP_H
#define CLI_HANGUP_H

#include "akidb/embed.h"

typedef struct hangup hangup;

/* Call before any other thread is started: the signal is held back from then on, and remembered. Errors: AKI_INTERNAL,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status hangup_open(hangup **out, aki_error *error);
/* The signal gets back its former treatment. NULL allowed. */
void hangup_close(hangup *h);

/* Blocks until the signal has come, at least once since the last call: true; or `until` is readable: false. */
bool hangup_wait(hangup *h, int until);

#endif
