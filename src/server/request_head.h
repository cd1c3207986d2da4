/* Checks that the HTTP library split a request's head at the ends of its lines, and nowhere else.
 *
 * libmicrohttpd 0.9.75 appends a folded line (obs-fold, RFC 9112 section 5.2) to the header's name: "Content-Lengt:
 * 15", CRLF, " h" acts as Content-Length. It ends a value at a NUL, and takes a line that begins with NUL, or a lone
 * ":", for the head's end. A proxy in front may read such a request differently, so it is refused.
 *
 * The library splits in place: it writes NUL over each colon and each line's end, and returns pointers into the bytes
 * received. So the pieces of a head that was split correctly follow one another without a gap:
 *
 *     method SP target SP version END (name ':' blanks value END)* END        END: CR LF or LF
 *
 * Each call checks one piece. A name that was put together elsewhere, or a byte that belongs to no piece, is a fault.
 * The meaning of headers is not checked here. */
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
/* Called after the last trailer: true where the library wrote three NULs behind it and the line goes on. Then a line
 * that begins with NUL or a colon was taken for the empty line. Line ends of both kinds mixed look so, too. The
 * library does not say where trailers end, so a lone ":" or NUL in place of the empty line is not found. */
bool request_head_trailers_in_doubt(const request_head *head);

#endif
