/* Authenticates clients by a file of named API keys, stored as SHA-256 digests, that can be read again while the
 * service runs.
 *
 *     # name:digest, and the key's roles            printf %s "$KEY" | sha256sum
 *     indexer:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
 *     on-call:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae roles=metrics,operator
 *
 * A line without roles has API_ROLES_DEFAULT. Digests need neither salt nor stretching, because keys must be random;
 * a password that a person chose is not safe here.
 *
 * A key is looked up in a hash table of the digests, by SipHash with a secret key, and compared in constant time with
 * the few that share its bucket. So the time does not grow with the number of keys, and tells nothing about any
 * digest. */
#ifndef HTTP_API_KEYS_H
#define HTTP_API_KEYS_H

#include "akidb/embed.h"
#include "base/log.h"
#include "http/request.h"

#define API_KEY_NAME_MAX 64
#define API_KEYS_MAX 10000

/* X(symbol, name in the file, bit) */
#define API_ROLES(X)                                                                                         \
    X(API_ROLE_EMBED, "embed", 1U)                                                                           \
    X(API_ROLE_METRICS, "metrics", 2U)                                                                       \
    X(API_ROLE_OPERATOR, "operator", 4U)

typedef enum api_role {
#define API_ROLE_ENUM(symbol, name, bit) symbol = (bit),
    API_ROLES(API_ROLE_ENUM)
#undef API_ROLE_ENUM
} api_role;

/* Roles of a line that names none: may compute vectors and read metrics, but not take the service out of use. */
#define API_ROLES_DEFAULT ((unsigned)API_ROLE_EMBED | (unsigned)API_ROLE_METRICS)
#define API_ROLES_ANY (API_ROLES_DEFAULT | (unsigned)API_ROLE_OPERATOR)

typedef struct api_keys api_keys;

/* Reads the file. Logs a warning where users other than the owner and the group may read it, or users other than the
 * owner may write it, and logs how many keys have which role. Errors: AKI_INVALID_ARGUMENT (with file and line),
 * AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status api_keys_open(api_keys **out, const char *path, log_sink log, aki_error *error);
/* NULL allowed. */
void api_keys_close(api_keys *keys);

/* Reads the file again; on an error the keys stay as they were. Errors as api_keys_open's. */
AKI_MUST_CHECK aki_status api_keys_reload(api_keys *keys, aki_error *error);

size_t api_keys_count(api_keys *keys);
/* The most digests that one key is compared with. */
size_t api_keys_most_compared(api_keys *keys);

/* True when `key` is in the file; its name is copied to `name`, its roles (bits of api_role) to *roles. Of several
 * lines with one digest the last one counts. Thread-safe, also during a reload. */
bool api_keys_find(api_keys *keys, const char *key, char name[API_KEY_NAME_MAX + 1], unsigned *roles);

/* The key that a request has, without blanks before it: Authorization: Bearer KEY, x-api-key: KEY, api-key: KEY, and where
 * bare, Authorization: KEY. NULL = none. */
const char *api_keys_of_request(const http_request *request, bool bare);

#endif
