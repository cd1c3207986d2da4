/* The few questions asked about URLs: to whom does one lead, and is that still the hub? */
#ifndef HUB_URL_H
#define HUB_URL_H

#include <stdbool.h>
#include <stddef.h>

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

#endif
