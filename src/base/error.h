/* Filling the caller's aki_error. Every failing function of the project returns through error_set, so that a status
 * never travels without a message that says what happened and a hint that says what to do. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "akidb/embed.h"

/* Fills *error (NULL allowed) with the status, a printf-style message and the status's default hint; cut to the
 * struct's room at a UTF-8 boundary. Returns `status`, so that callers write `return error_set(...)`. */
aki_status error_set(aki_error *error, aki_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set for system calls: appends ": " and the text of errno_value to the message. */
aki_status error_set_errno(aki_error *error, aki_status status, int errno_value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Replaces the hint of an error that was just set. NULL error allowed. */
void error_hint(aki_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Names the text at fault. NULL error allowed. */
void error_at_text(aki_error *error, size_t text_index);

/* The status's default hint, static storage. */
const char *error_default_hint(aki_status status);

#endif
