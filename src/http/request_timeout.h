/* How long a caller is willing to wait, as it says in a header of its request. */
#ifndef HTTP_REQUEST_TIMEOUT_H
#define HTTP_REQUEST_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

/* x-request-timeout-ms: a whole number of milliseconds, 1 to 9 digits, not 0. False where it is anything else. */
bool request_timeout_parse_ms(const char *text, int64_t *timeout_ns);

/* grpc-timeout (grpc/grpc doc/PROTOCOL-HTTP2.md): 1 to 8 digits, not 0, and one of H M S m u n for hours, minutes,
 * seconds, milli-, micro- and nanoseconds. False where it is anything else. */
bool request_timeout_parse_grpc(const char *text, int64_t *timeout_ns);

/* x-stainless-read-timeout, as OpenAI's and Cohere's clients send it: seconds, 1 to 6 digits, and decimals, of which three
 * count. False where it is anything else, or less than a millisecond. */
bool request_timeout_parse_seconds(const char *text, int64_t *timeout_ns);

#endif
