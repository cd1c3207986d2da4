#include "server/api_keys.h"

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FILE_BYTES ((size_t)2 << 20)

typedef struct api_key {
    char name[API_KEY_NAME_MAX + 1];
    unsigned char digest[SHA256_DIGEST_SIZE];
} api_key;

typedef struct key_list {
    api_key *keys; /* [count] */
    size_t count, room;
} key_list;

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
    error_hint(error, "A line is name:digest, where the digest is what `printf %%s KEY | sha256sum` prints.");
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
    if (!read_digest(colon + 1, length - (size_t)(colon + 1 - line), key->digest))
        return refuse_line(error, path, number, "the SHA-256 digest must be 64 hexadecimal digits");
    list->count++;
    return AKI_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
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
        warn_of_permissions(keys);
    else
        mem_free(list->keys);
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
        keys->list = (key_list){0};
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
    mem_free(keys->list.keys);
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
    mem_free(old.keys);
    return AKI_OK;
}

size_t api_keys_count(api_keys *keys)
{
    pthread_rwlock_rdlock(&keys->lock);
    size_t count = keys->list.count;
    pthread_rwlock_unlock(&keys->lock);
    return count;
}

bool api_keys_find(api_keys *keys, const char *key, char name[API_KEY_NAME_MAX + 1])
{
    unsigned char digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, strlen(key), (const uint8_t *)key);
    sha256_digest(&context, sizeof digest, digest);
    pthread_rwlock_rdlock(&keys->lock);
    const api_key *found = NULL;
    for (size_t i = 0; i < keys->list.count; i++) {
        const api_key *candidate = &keys->list.keys[i];
        if (memeql_sec(candidate->digest, digest, sizeof digest))
            found = candidate;
    }
    if (found != NULL)
        memcpy(name, found->name, sizeof found->name);
    pthread_rwlock_unlock(&keys->lock);
    return found != NULL;
}
