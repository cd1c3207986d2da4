/* The pages for people, as scripts/embed-pages puts them into the program: each is one file with its style and script in
 * it, and a Content-Security-Policy that lets run what was put there and nothing else.
 *
 * Into each the server writes its state, what it serves, and calls to copy, so that "/" can be read without a script. Where the service has
 * API keys, a page tells no more than the health routes do. */
#ifndef SERVER_PAGES_PAGE_H
#define SERVER_PAGES_PAGE_H

#include "server/exchange.h"

typedef struct page_file {
    const char *path; /* of its route */
    const char *text; /* [bytes], NUL-terminated and has {{names}} in it */
    size_t bytes;
    const char *policy; /* the value of Content-Security-Policy */
    const char *tag;    /* differs where the text does */
} page_file;

/* Ends with one whose path is NULL. */
extern const page_file page_files[];

/* Appends the text with each {{name}} replaced by what it stands for. An unknown name is left as it is. */
void page_text_write(const exchange *x, const char *text, buf *out);

#endif
