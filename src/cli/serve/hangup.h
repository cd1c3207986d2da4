/* Signals that ask a running server for something: SIGHUP to read its certificate and keys again, SIGUSR1 to say more in
 * its log. Only for commands that can do that; the others end by them, as is usual. */
#ifndef CLI_SERVE_HANGUP_H
#define CLI_SERVE_HANGUP_H

#include "akidb/embed.h"

typedef struct hangup hangup;

/* Call before any other thread is started: the signals are held back from then on, and remembered. Errors: AKI_INTERNAL,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status hangup_open(hangup **out, aki_error *error);
/* The signals stay held back, in the caller and the threads that it starts: a wish that comes while the program is ending must
 * not end it by the signal. NULL allowed. */
void hangup_close(hangup *h);

/* Blocks until one of the signals has come, at least once since it was last returned: its number; or `until` is readable:
 * 0. */
int hangup_wait(hangup *h, int until);

#endif
