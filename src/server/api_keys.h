/* Who may use the service: a file of named API keys, kept as SHA-256 digests, that can be read again while it serves.
 *
 *     # name:digest       printf %s "$KEY" | sha256sum
 *     indexer:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *
 * Digests are compared in constant time, all of them, so that the time taken tells nothing about any. A digest is
 * enough, without salt and stretching, because keys are random; a key that a person thought up has no place here. */
#ifndef SERVER_API_KEYS_H
#define SERVER_API_KEYS_H

#include "akidb/embed.h"
#include "base/log.h"

#define API_KEY_NAME_MAX 64
#define API_KEYS_MAX 10000

typedef struct api_keys api_keys;

/* Reads the file. Warns in the log where others than its owner and group may read it, or others than its owner write it.
 * Errors: AKI_INVALID_ARGUMENT (with file and line), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status api_keys_open(api_keys **out, const char *path, log_sink log, aki_error *error);
/* NULL allowed. */
void api_keys_close(api_keys *keys);

/* Reads the file again; on an error the keys stay as they were. Errors as api_keys_open's. */
AKI_MUST_CHECK aki_status api_keys_reload(api_keys *keys, aki_error *error);

size_t api_keys_count(api_keys *keys);

/* True where `key` is one of the keys; its name goes to `name`. Thread-safe, also beside a reload. */
bool api_keys_find(api_keys *keys, const char *key, char name[API_KEY_NAME_MAX + 1]);

#endif
