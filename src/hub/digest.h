/* Does a file hold what its ETag promises? The hub's ETag of a large file is the sha256 of its bytes; of a small file
 * it is git's blob id, the sha1 of "blob <length>\0" and the bytes. Any other ETag says nothing about the contents. */
#ifndef HUB_DIGEST_H
#define HUB_DIGEST_H

#include "akidb/embed.h"

#define DIGEST_HEX_MAX 64

typedef enum digest_kind { DIGEST_NONE, DIGEST_SHA256, DIGEST_GIT_BLOB } digest_kind;

digest_kind digest_kind_of(const char *etag);

/* "sha256", "git blob id" or "none", static storage. */
const char *digest_name(digest_kind kind);

/* Reads the whole file through `descriptor` from its start and writes its digest in lower-case hex. `cancelled` (NULL
 * = never) is asked after every mebibyte. Errors: AKI_IO_ERROR, AKI_OUT_OF_MEMORY, AKI_CANCELLED. */
AKI_MUST_CHECK aki_status digest_file(int descriptor, digest_kind kind, bool (*cancelled)(void *cookie),
                                      void *cookie, char hex[DIGEST_HEX_MAX + 1], aki_error *error);

#endif
