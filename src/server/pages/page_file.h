/* The pages for people, as scripts/embed-pages puts them into the program: each is one file with its style and script in
 * it, and a Content-Security-Policy that lets run what was put there and nothing else. */
#ifndef SERVER_PAGES_PAGE_FILE_H
#define SERVER_PAGES_PAGE_FILE_H

#include <stddef.h>

typedef struct page_file {
    const char *path; /* of its route */
    const char *text; /* [bytes], NUL-terminated and has {{names}} in it: page_text.h */
    size_t bytes;
    const char *policy; /* the value of Content-Security-Policy */
    const char *tag;    /* differs where the text does */
} page_file;

/* Ends with one whose path is NULL. */
extern const page_file page_files[];

#endif
