/* Why a request cannot be read as HTTP. The connection ends with its reply: where the next request would begin is not known. */
#ifndef HTTP_FAULT_H
#define HTTP_FAULT_H

#include <stdbool.h>

typedef enum http_fault_kind {
    HTTP_FAULT_NONE,
    HTTP_FAULT_MALFORMED,       /* 400 */
    HTTP_FAULT_HEAD_TOO_LARGE,  /* 431 */
    HTTP_FAULT_TARGET_TOO_LONG, /* 414 */
    HTTP_FAULT_NOT_IMPLEMENTED, /* 501 */
    HTTP_FAULT_VERSION,         /* 505 */
} http_fault_kind;

typedef struct http_fault {
    http_fault_kind kind;
    char message[160];
} http_fault;

/* Keeps the first fault. Returns false, so that readers write `return http_fault_set(...)`. */
bool http_fault_set(http_fault *fault, http_fault_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
