#include "http/api_keys.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/siphash.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_FILE_BYTES ((size_t)2 << 20)

typedef struct api_key {
    char name[API_KEY_NAME_MAX + 1];
    unsigned char digest[SHA256_DIGEST_SIZE];
    unsigned roles;
    uint32_t next; /* in its bucket: index + 1; 0 = the last one */
} api_key;

typedef struct key_list {
    api_key *keys; /* [count] */
    size_t count, room;
    uint32_t *buckets; /* [buckets_count]: index + 1 of the first key, 0 = none */
    size_t buckets_count;
    siphash_key secret;
} key_list;

static void free_list(key_list *list)
{
    mem_free(list->keys);
    mem_free(list->buckets);
    *list = (key_list){0};
}

struct api_keys {
    char *path;
    log_sink log;
    pthread_rwlock_t lock; /* of the list */
    key_list list;
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool read_digest(const char *text, size_t length, unsigned char *digest)
{
    if (length != 2 * SHA256_DIGEST_SIZE)
        return false;
    for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool read_name(const char *text, size_t length, char *name)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (length == 0 || length > API_KEY_NAME_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0' || strchr(characters, text[i]) == NULL)
            return false;
    memcpy(name, text, length);
    name[length] = '\0';
    return true;
}

/* The role of this name; 0 = no such role. */
static unsigned read_role(const char *text, size_t length)
{
    static const struct {
        const char *name;
        unsigned role;
    } rows[] = {
#define API_ROLE_ROW(symbol, name, bit) {name, bit},
        API_ROLES(API_ROLE_ROW)
#undef API_ROLE_ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, text, length) == 0)
            return rows[i].role;
    return 0;
}

/* "roles=embed,metrics", or nothing. */
static bool read_roles(const char *text, size_t length, unsigned *roles)
{
    static const char field[] = "roles=";
    const size_t field_bytes = sizeof field - 1;
    *roles = API_ROLES_DEFAULT;
    if (length == 0)
        return true;
    if (length < field_bytes || memcmp(text, field, field_bytes) != 0)
        return false;
    *roles = 0;
    const char *end = text + length;
    for (const char *at = text + field_bytes; at <= end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma != NULL ? comma : end;
        const unsigned role = read_role(at, (size_t)(stop - at));
        if (role == 0)
            return false;
        *roles |= role;
        at = stop + 1;
    }
    return true;
}

static bool make_room(key_list *list)
{
    if (list->count < list->room)
        return true;
    size_t room = list->room > 0 ? 2 * list->room : 16;
    api_key *keys = mem_realloc(list->keys, room, sizeof *keys);
    if (keys == NULL)
        return false;
    list->keys = keys;
    list->room = room;
    return true;
}

static aki_status refuse_line(aki_error *error, const char *path, size_t number, const char *why)
{
    aki_status status = error_set(error, AKI_INVALID_ARGUMENT, "%s line %zu: %s", path, number, why);
    error_hint(
        error,
        "A line is name:digest, where the digest is what `printf %%s KEY | sha256sum` prints, and may go "
        "on with a blank and roles=embed,metrics,operator, of which not all need be there.");
    return status;
}

/* line[0..length): without blanks around it, not empty, no comment. */
static aki_status read_line(key_list *list, const char *line, size_t length, const char *path, size_t number,
                            aki_error *error)
{
    if (list->count >= API_KEYS_MAX)
        return refuse_line(error, path, number, "too many keys");
    if (!make_room(list))
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for API keys");
    api_key *key = &list->keys[list->count];
    const char *colon = memchr(line, ':', length);
    if (colon == NULL)
        return refuse_line(error, path, number, "there is no colon between a name and a digest");
    if (!read_name(line, (size_t)(colon - line), key->name))
        return refuse_line(error, path, number, "the name must be 1 to 64 letters, digits, '-', '_' or '.'");
    const char *end = line + length, *stop = colon + 1;
    while (stop < end && !is_blank(*stop))
        stop++;
    if (!read_digest(colon + 1, (size_t)(stop - colon - 1), key->digest))
        return refuse_line(error, path, number, "the SHA-256 digest must be 64 hexadecimal digits");
    while (stop < end && is_blank(*stop))
        stop++;
    if (!read_roles(stop, (size_t)(end - stop), &key->roles))
        return refuse_line(error, path, number,
                           "only roles= may follow the digest, and names embed, metrics or operator");
    list->count++;
    return AKI_OK;
}

static aki_status read_list(key_list *list, const char *text, size_t length, const char *path,
                            aki_error *error)
{
    const char *at = text, *end = text + length;
    for (size_t number = 1; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at)), *next = stop != NULL ? stop + 1 : end;
        if (stop == NULL)
            stop = end;
        while (at < stop && is_blank(*at))
            at++;
        while (stop > at && is_blank(stop[-1]))
            stop--;
        aki_status status = AKI_OK;
        if (at < stop && *at != '#')
            status = read_line(list, at, (size_t)(stop - at), path, number, error);
        if (status != AKI_OK)
            return status;
        at = next;
    }
    if (list->count > 0)
        return AKI_OK;
    aki_status status = error_set(error, AKI_INVALID_ARGUMENT, "%s holds no API key", path);
    error_hint(error, "Nobody could use the service: add a line name:digest, or leave --api-keys out.");
    return status;
}

static uint32_t *bucket_of(const key_list *list, const unsigned char *digest)
{
    return &list->buckets[siphash(list->secret, digest, SHA256_DIGEST_SIZE) % list->buckets_count];
}

/* Inserts each key at the head of its bucket, so that the last line of a digest is found first. */
static aki_status build_buckets(key_list *list, aki_error *error)
{
    list->buckets_count = list->count;
    list->buckets = mem_zalloc(list->buckets_count, sizeof *list->buckets);
    if (list->buckets == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for API keys");
    list->secret = siphash_random_key();
    for (size_t i = 0; i < list->count; i++) {
        uint32_t *first = bucket_of(list, list->keys[i].digest);
        list->keys[i].next = *first;
        *first = (uint32_t)i + 1;
    }
    return AKI_OK;
}

static void say_roles(const api_keys *keys, const key_list *list)
{
    size_t counts[API_ROLES_ANY + 1] = {0};
    for (size_t i = 0; i < list->count; i++)
        for (unsigned role = 1; role <= API_ROLES_ANY; role <<= 1)
            counts[role] += (list->keys[i].roles & role) != 0;
    log_write(&keys->log, AKI_LOG_INFO, "server",
              "%zu API keys in %s: %zu with the role embed, %zu metrics, %zu operator%s", list->count,
              keys->path, counts[API_ROLE_EMBED], counts[API_ROLE_METRICS], counts[API_ROLE_OPERATOR],
              counts[API_ROLE_OPERATOR] == 0 ? "; with none of them the routes below /admin can be called"
                                             : "");
}

static void warn_of_permissions(const api_keys *keys)
{
    struct stat status;
    if (stat(keys->path, &status) == 0 && (status.st_mode & (S_IWGRP | S_IRWXO)) != 0)
        log_write(&keys->log, AKI_LOG_WARN, "server",
                  "%s has mode %03o: others could read or change it; chmod 600 or 640 it", keys->path,
                  (unsigned)status.st_mode & 0777U);
}

static aki_status read_file(const api_keys *keys, key_list *list, aki_error *error)
{
    *list = (key_list){0};
    buf text;
    buf_init(&text, MAX_FILE_BYTES);
    aki_status status = file_read(keys->path, &text, error);
    if (status == AKI_MODEL_NOT_FOUND)
        status = error_set(error, AKI_IO_ERROR, "there is no file '%s'", keys->path);
    if (status != AKI_OK)
        error_hint(error, "Check --api-keys.");
    else
        status = read_list(list, text.length > 0 ? text.data : "", text.length, keys->path, error);
    if (status == AKI_OK)
        status = build_buckets(list, error);
    if (status == AKI_OK) {
        warn_of_permissions(keys);
        say_roles(keys, list);
    } else {
        free_list(list);
    }
    buf_free(&text);
    return status;
}

aki_status api_keys_open(api_keys **out, const char *path, log_sink log, aki_error *error)
{
    *out = NULL;
    api_keys *keys = mem_zalloc(1, sizeof *keys);
    if (keys == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory for API keys");
    pthread_rwlock_init(&keys->lock, NULL);
    keys->log = log;
    keys->path = mem_copy_string(path);
    aki_status status = keys->path != NULL ? read_file(keys, &keys->list, error)
                                           : error_set(error, AKI_OUT_OF_MEMORY, "no memory for API keys");
    if (status != AKI_OK) {
        api_keys_close(keys);
        return status;
    }
    *out = keys;
    return AKI_OK;
}

void api_keys_close(api_keys *keys)
{
    if (keys == NULL)
        return;
    pthread_rwlock_destroy(&keys->lock);
    free_list(&keys->list);
    mem_free(keys->path);
    mem_free(keys);
}

aki_status api_keys_reload(api_keys *keys, aki_error *error)
{
    key_list fresh, old;
    aki_status status = read_file(keys, &fresh, error);
    if (status != AKI_OK)
        return status;
    pthread_rwlock_wrlock(&keys->lock);
    old = keys->list;
    keys->list = fresh;
    pthread_rwlock_unlock(&keys->lock);
    free_list(&old);
    return AKI_OK;
}

size_t api_keys_count(api_keys *keys)
{
    pthread_rwlock_rdlock(&keys->lock);
    size_t count = keys->list.count;
    pthread_rwlock_unlock(&keys->lock);
    return count;
}

size_t api_keys_most_compared(api_keys *keys)
{
    size_t most = 0;
    pthread_rwlock_rdlock(&keys->lock);
    for (size_t i = 0; i < keys->list.buckets_count; i++) {
        size_t length = 0;
        for (uint32_t at = keys->list.buckets[i]; at != 0; at = keys->list.keys[at - 1].next)
            length++;
        most = length > most ? length : most;
    }
    pthread_rwlock_unlock(&keys->lock);
    return most;
}

bool api_keys_find(api_keys *keys, const char *key, char name[API_KEY_NAME_MAX + 1], unsigned *roles)
{
    unsigned char digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, strlen(key), (const uint8_t *)key);
    sha256_digest(&context, sizeof digest, digest);
    pthread_rwlock_rdlock(&keys->lock);
    const api_key *found = NULL;
    for (uint32_t at = *bucket_of(&keys->list, digest); at != 0; at = keys->list.keys[at - 1].next) {
        const api_key *candidate = &keys->list.keys[at - 1];
        if (memeql_sec(candidate->digest, digest, sizeof digest) && found == NULL)
            found = candidate;
    }
    if (found != NULL) {
        memcpy(name, found->name, sizeof found->name);
        *roles = found->roles;
    }
    pthread_rwlock_unlock(&keys->lock);
    return found != NULL;
}

const char *api_keys_of_request(const http_request *request, bool bare)
{
    static const char scheme[] = "Bearer ";
    const char *key = http_request_header(request, "x-api-key");
    const char *authorization = http_request_header(request, "Authorization");
    if (key == NULL && authorization != NULL && strncasecmp(authorization, scheme, sizeof scheme - 1) == 0)
        key = authorization + sizeof scheme - 1;
    else if (key == NULL && bare)
        key = authorization;
    if (key == NULL)
        key = http_request_header(request, "api-key"); /* Azure's */
    return key != NULL ? key + strspn(key, " ") : NULL;
}
