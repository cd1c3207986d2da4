/* Fields read from the header lines of the hub's answers. A field that is malformed or too long counts as absent. */
#ifndef HUB_RESPONSE_HEAD_H
#define HUB_RESPONSE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESPONSE_FIELD_MAX 256

typedef struct response_head {
    long status; /* of the last answer; 0 before the first */
    /* Kept over the redirects of one request. */
    char repo_commit[RESPONSE_FIELD_MAX]; /* X-Repo-Commit */
    char linked_etag[RESPONSE_FIELD_MAX]; /* X-Linked-Etag */
    char error_code
        [RESPONSE_FIELD_MAX]; /* X-Error-Code: EntryNotFound, RevisionNotFound, RepoNotFound, GatedRepo */
    int64_t linked_size;      /* X-Linked-Size; -1 = not said */
    /* Of the last answer. */
    char etag[RESPONSE_FIELD_MAX];
    int64_t content_length;            /* -1 = not said */
    int64_t range_start, range_length; /* Content-Range "bytes <start>-<end>/<length>"; -1 = not said */
} response_head;

void response_head_init(response_head *head);

/* Takes one header line, with or without its line end; a status line starts a new answer. */
void response_head_line(response_head *head, const char *line, size_t length);

#endif
