/* One HTTP request with libcurl: redirects, token, timeouts, cancellation. No retries (see download.h).
 *
 * Redirects are followed here and not by libcurl, so that the rules stand in one place: at most TRANSFER_REDIRECTS_MAX,
 * never from https to http, and the token goes to the endpoint's own scheme, host and port only. A HEAD request ends
 * at a redirect to another host: its answer describes the file, the storage behind it does not. */
#ifndef HUB_TRANSFER_H
#define HUB_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "hub/hub.h"
#include "hub/response_head.h"

/* The few questions asked about URLs: to whom does one lead, and is that still the hub? */

#define URL_MAX 8192 /* bytes; redirects to storage carry long signatures */
#define URL_HOST_MAX 256
#define URL_ORIGIN_MAX (URL_HOST_MAX + 16)

/* Both are valid http(s) URLs with the same scheme, host and port: only then may the token travel along. */
bool url_same_origin(const char *a, const char *b);

/* "host" or "host:port" for messages, never credentials or a query; "?" when the URL makes no sense. */
void url_host(const char *url, char host[URL_HOST_MAX]);

/* "https://host" or "http://host:port", likewise. */
void url_origin(const char *url, char text[URL_ORIGIN_MAX]);

bool url_is_https(const char *url);

/* "<endpoint>/<id>/resolve/<revision>/<file>", percent-encoded as huggingface_hub does it. False: too long. */
bool url_of_file(const char *endpoint, const char *id, const char *revision, const char *file,
                 char url[URL_MAX]);

#define TRANSFER_REDIRECTS_MAX 8
#define TRANSFER_HEADER_BYTES_MAX ((size_t)256 << 10) /* over all answers of one request */

typedef enum transfer_outcome {
    TRANSFER_ANSWERED,     /* a complete answer: see head.status */
    TRANSFER_UNREACHABLE,  /* no connection: name not found, refused, no route */
    TRANSFER_NO_ANSWER,    /* no connection within the time allowed for it */
    TRANSFER_CUT,          /* the connection ended early */
    TRANSFER_STALLED,      /* connected, but nothing to speak of arrives */
    TRANSFER_NOT_TRUSTED,  /* TLS: the certificate does not hold */
    TRANSFER_NOT_USABLE,   /* not HTTP, endless redirects, headers too large and the like */
    TRANSFER_SINK_REFUSED, /* the sink returned false */
    TRANSFER_CANCELLED,
    TRANSFER_OUT_OF_MEMORY,
} transfer_outcome;

typedef struct transfer_result {
    transfer_outcome outcome;
    response_head head;
    int64_t retry_after_s;                /* 0 = not said */
    char host[URL_HOST_MAX];              /* who answered last, or did not */
    char redirect_origin[URL_ORIGIN_MAX]; /* HEAD only: where else the answer points to; "" = nowhere */
    char cause[300];                      /* one line, for TRANSFER_ANSWERED too ("HTTP 503") */
} transfer_result;

/* Where the body of a 200 or 206 goes; other bodies are dropped. */
typedef struct transfer_sink {
    bool (*begin)(void *cookie,
                  const response_head *head); /* once, before the first byte, also of an empty body */
    bool (*write)(void *cookie, const void *bytes, size_t count);
    void *cookie;
} transfer_sink;

typedef struct transfer transfer;

/* Keeps connections open between requests. `settings` must outlive it. One thread at a time. Errors:
 * AKI_INVALID_ARGUMENT (endpoint not http or https, token with control characters), AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status transfer_open(transfer **out, const hub_settings *settings, aki_error *error);
void transfer_close(transfer *t);

void transfer_head(transfer *t, const char *url, transfer_result *result);
/* Asks for the bytes from `offset` on. */
void transfer_get(transfer *t, const char *url, uint64_t offset, const transfer_sink *sink,
                  transfer_result *result);

/* When a request is tried again, and after which wait. */

#define RETRY_DELAY_MAX_MS 5000 /* the longest wait of our own choice */
#define RETRY_AFTER_MAX_S 60    /* a hub that asks for more is not waited for */

/* The wait before the attempt that follows `failures` >= 1 failed ones: first_ms, doubled with each further failure,
 * at most RETRY_DELAY_MAX_MS, of which the random number takes up to half away so that clients spread. */
int64_t retry_delay_ms(unsigned failures, int64_t first_ms, uint32_t random);

/* 408, 429 and all 5xx: the same request may succeed later. */
bool retry_status(long http_status);

/* 32 random bits. */
uint32_t retry_random(void);

/* Waits; false when settings->cancelled said so. */
bool retry_wait(const hub_settings *settings, int64_t ms);

#endif
