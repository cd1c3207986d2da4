/* The value of the header Date (RFC 9110 section 5.6.7), written anew once a second. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include <stdint.h>

#define HTTP_DATE_BYTES 30

typedef struct http_date {
    int64_t second; /* of the text; 0 = none yet */
    char text[HTTP_DATE_BYTES];
} http_date;

/* "Sun, 06 Nov 1994 08:49:37 GMT" for this time of the wall clock; valid until the next call. One thread. */
const char *http_date_text(http_date *date, int64_t wall_ns);

#endif
