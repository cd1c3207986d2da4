/* The x-request-id of a request: the caller's, where it is fit to be echoed into a header, or a new one. */
#ifndef HTTP_REQUEST_ID_H
#define HTTP_REQUEST_ID_H

#define REQUEST_ID_MAX 128

/* given: the caller's header value or NULL; taken when it is 1 to REQUEST_ID_MAX visible ASCII characters. Otherwise
 * 128 random bits as 32 hexadecimal digits. */
void request_id_choose(const char *given, char out[REQUEST_ID_MAX + 1]);

#endif
