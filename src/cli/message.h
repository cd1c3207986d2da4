/* Messages for people, on stderr: errors with their hint, warnings and notes. */
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include "akidb/embed.h"
#include "base/log.h"

/* "akidb-embed: error[status]: message" and "hint: ..." on a line of its own. */
void message_error(const aki_error *error);
void message_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A sink that prints what the library warns of; everything below is dropped. */
log_sink message_log_sink(void);

#endif
