/* Checks that the HTTP library split a request's head at the ends of its lines, and nowhere else.
 *
 * libmicrohttpd 0.9.75 appends a folded line (obs-fold, RFC 9112 section 5.2) to the header's name: "Content-Lengt: 15",
 * CRLF, " h" acts as Content-Length. It ends a value at a NUL, and takes a line that begins with NUL, or a lone ":", for the
 * head's end. Whoever forwards such a request may read another one: they are refused.
 *
 * The library splits in place: it writes NUL over each colon and each line's end and hands out pointers into the bytes as they
 * came. So the pieces of a head that was read as it was sent follow one another without a gap:
 *
 *     method SP target SP version END (name ':' blanks value END)* END        END: CR LF or LF
 *
 * Each call checks one piece. A name that was put together elsewhere, or a byte that belongs to no piece, is a fault. This
 * knows nothing of what the headers mean. */
#ifndef SERVER_REQUEST_HEAD_H
#define SERVER_REQUEST_HEAD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct request_head {
    const char *at;    /* the end of the last piece, where the library wrote NUL; NULL = not known */
    const char *fault; /* static text; NULL = none so far */
} request_head;

/* The request line. target_bytes: the target's length before the library split it. */
void request_head_begin(request_head *head, const char *method, const char *target, size_t target_bytes,
                        const char *version);
/* The trailers of a chunked body, whose first line may be anywhere. */
void request_head_begin_trailers(request_head *head);
/* The next header. Returns the length of its value without the blanks behind it, which the library leaves there. */
size_t request_head_add(request_head *head, const char *name, const char *value);
/* end: of the head, behind its empty line. */
void request_head_end(request_head *head, const char *end);
/* Of trailers, after the last one: true where three bytes were cut off behind it and the line goes on, so that what the library
 * took for the empty line is a line that begins with NUL or a colon. Line ends of both kinds mixed look so, too. Where trailers
 * end the library does not say: a lone ":" or NUL in place of the empty line is not seen. */
bool request_head_trailers_in_doubt(const request_head *head);

#endif
