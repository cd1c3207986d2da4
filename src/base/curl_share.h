/* Connections, TLS sessions and addresses that libcurl keeps from one request to the next, for users that open a handle for each
 * request. */
#ifndef BASE_CURL_SHARE_H
#define BASE_CURL_SHARE_H

#include <curl/curl.h>

/* libcurl is initialised. For one thread at a time. NULL = no memory; closed by curl_share_cleanup. */
CURLSH *curl_share_open(void);

#endif
