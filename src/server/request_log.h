/* What the log says of each request at its end: a line of the target "access", a warning where it was slow, and a line of
 * the target "http" with the hint where it failed. The target's lines and their fields are told in docs/OBSERVABILITY.md.
 *
 * No line holds a text, or anything that was sent but names and ids, unless the settings ask for it. */
#ifndef SERVER_REQUEST_LOG_H
#define SERVER_REQUEST_LOG_H

#include "server/exchange.h"

/* whole: the reply was sent to the end. */
void request_log_end(exchange *x, bool whole);

#endif
