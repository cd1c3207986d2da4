/* A growing byte buffer that cannot exist without a maximum. Appending beyond the maximum or out of memory fails and
 * leaves the contents as they were; the failure is sticky, so that a writer may check once at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct buf {
    char *data; /* always NUL-terminated after a successful append; NULL while empty */
    size_t length;
    size_t capacity;
    size_t max_bytes;
    bool failed;
} buf;

/* Cannot fail; allocates nothing. */
void buf_init(buf *b, size_t max_bytes);
/* Frees the memory; the buffer may be used again with the same maximum. */
void buf_free(buf *b);
/* Forgets the contents, keeps the memory, clears `failed`. */
void buf_clear(buf *b);

/* Makes room for `more` further bytes and returns where they go, or NULL (and sets failed). After writing n <= more
 * bytes there, call buf_commit(b, n). */
char *buf_reserve(buf *b, size_t more);
void buf_commit(buf *b, size_t written);

bool buf_append(buf *b, const void *bytes, size_t count);
bool buf_append_string(buf *b, const char *text);
bool buf_append_char(buf *b, char c);
bool buf_printf(buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Hands the memory to the caller (free with mem_free) and leaves the buffer empty. NULL when failed or empty. */
char *buf_take(buf *b, size_t *length);

#endif
