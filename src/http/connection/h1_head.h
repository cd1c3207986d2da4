/* Reads the head of an HTTP/1 request from bytes that come in any pieces. Strict where a proxy in front could read it
 * differently (RFC 9112 section 11.2): each deviation is a fault, and nothing is repaired.
 *
 * Taken: one empty line before the request line; lines that end in CR LF; a method of token characters; one blank on each side
 * of a target of printable ASCII without '#'; "HTTP/1." and a digit. Fields as field_line_parse takes them. Host once in HTTP/1.1 and
 * at most once in 1.0, well-formed. Content-Length once, of digits. Transfer-Encoding once, only "chunked", only in 1.1 and
 * never beside Content-Length.
 *
 * The text lies in the caller's buffer, in which the reader writes NUL behind names and values. Everything is an offset, so
 * the buffer may move between calls. No byte is looked at twice. Pure. */
#ifndef HTTP_CONNECTION_H1_HEAD_H
#define HTTP_CONNECTION_H1_HEAD_H

#include "http/reply.h"
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

/* One line of a head or trailer section (RFC 9112 section 5): "name: value". */

/* True for the characters of a token (RFC 9110 section 5.6.2): of methods and field names. */
bool http_is_token_character(unsigned char c);

/* text[begin..end) is a line without its end; `end` is where its CR is. Ends name and value with NUL, cut to what they are
 * without the blanks around the value, and fills *field. False with *fault. */
bool field_line_parse(char *text, size_t begin, size_t end, http_field *field, http_fault *fault);

/* Where the line that begins at `begin` ends: *end is its CR, *next the byte behind its LF. text[begin..length) is there,
 * `from` says how far it was searched before and is moved on. False: the end is not there yet, or is a bare LF (*fault). */
bool line_find_end(const char *text, size_t *from, size_t length, size_t *end, size_t *next,
                   http_fault *fault);

#endif
