/* Reads the head of an HTTP/1 request from bytes that come in any pieces. Strict where a proxy in front could read it
 * differently (RFC 9112 section 11.2): each deviation is a fault, and nothing is repaired.
 *
 * Taken: one empty line before the request line; lines that end in CR LF; a method of token characters; one blank on each side
 * of a target of printable ASCII without '#'; "HTTP/1." and a digit. Fields as field_line.h has them. Host once in HTTP/1.1 and
 * at most once in 1.0, well-formed. Content-Length once, of digits. Transfer-Encoding once, only "chunked", only in 1.1 and
 * never beside Content-Length.
 *
 * The text lies in the caller's buffer, in which the reader writes NUL behind names and values. Everything is an offset, so
 * the buffer may move between calls. No byte is looked at twice. Pure. */
#ifndef HTTP_CONNECTION_H1_HEAD_H
#define HTTP_CONNECTION_H1_HEAD_H

#include "http/fault.h"
#include "http/request.h"

typedef struct h1_head {
    size_t max_bytes;   /* of the head */
    size_t begin, from; /* of the line that is being read; how far its end was searched for */
    bool skipped_line;  /* the empty line before the request line */
    bool has_line;      /* the request line was read */
    http_field *fields; /* [HTTP_MAX_FIELDS] */
    http_fault fault;
    bool closes, keeps; /* Connection: close, keep-alive */
    bool expects;       /* Expect: 100-continue */
} h1_head;

typedef enum h1_head_state { H1_HEAD_MORE, H1_HEAD_WHOLE, H1_HEAD_FAULTY } h1_head_state;

/* fields: [HTTP_MAX_FIELDS], to be filled. */
void h1_head_begin(h1_head *head, size_t max_bytes, http_field *fields);

/* text[0..length): what has come so far, with everything of earlier calls. When it is whole, *request is filled and
 * request->head_bytes says where the body begins. When it is faulty, head->fault says why, and *request has what was read. */
h1_head_state h1_head_read(h1_head *head, char *text, size_t length, http_request *request);

#endif
