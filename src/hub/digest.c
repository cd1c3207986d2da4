#include "hub/digest.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 20)

digest_kind digest_kind_of(const char *etag)
{
    size_t length = strlen(etag);
    if (strspn(etag, "0123456789abcdef") != length)
        return DIGEST_NONE;
    return length == 64 ? DIGEST_SHA256 : length == 40 ? DIGEST_GIT_BLOB : DIGEST_NONE;
}

const char *digest_name(digest_kind kind)
{
    return kind == DIGEST_SHA256 ? "sha256" : kind == DIGEST_GIT_BLOB ? "git blob id" : "none";
}

/* Of nettle, whose digests need no memory and cannot fail. */
typedef union digest_context {
    struct sha1_ctx sha1;
    struct sha256_ctx sha256;
} digest_context;

static aki_status feed(const struct nettle_hash *method, digest_context *context, int descriptor,
                       bool (*cancelled)(void *cookie), void *cookie, unsigned char *block, aki_error *error)
{
    off_t offset = 0;
    for (;;) {
        ssize_t got = pread(descriptor, block, READ_BYTES, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, AKI_IO_ERROR, errno, "cannot read a downloaded file");
        if (got == 0)
            return AKI_OK;
        method->update(context, (size_t)got, block);
        if (cancelled != NULL && cancelled(cookie))
            return error_set(error, AKI_CANCELLED, "checking a downloaded file was cancelled");
        offset += got;
    }
}

aki_status digest_file(int descriptor, digest_kind kind, bool (*cancelled)(void *cookie), void *cookie,
                       char hex[DIGEST_HEX_MAX + 1], aki_error *error)
{
    hex[0] = '\0';
    if (kind == DIGEST_NONE)
        return AKI_OK;
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        return error_set_errno(error, AKI_IO_ERROR, errno, "cannot examine a downloaded file");
    unsigned char *block = mem_alloc(READ_BYTES, 1);
    if (block == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to check a downloaded file");

    const struct nettle_hash *method = kind == DIGEST_SHA256 ? &nettle_sha256 : &nettle_sha1;
    digest_context context;
    method->init(&context);
    if (kind == DIGEST_GIT_BLOB) {
        char head[32];
        int length = snprintf(head, sizeof head, "blob %lld", (long long)info.st_size);
        method->update(&context, (size_t)length + 1, (const uint8_t *)head); /* the NUL is part of it */
    }
    aki_status status = feed(method, &context, descriptor, cancelled, cookie, block, error);
    mem_free(block);
    if (status != AKI_OK)
        return status;
    uint8_t digest[SHA256_DIGEST_SIZE];
    method->digest(&context, method->digest_size, digest);
    for (unsigned i = 0; i < method->digest_size; i++)
        snprintf(hex + (size_t)i * 2, 3, "%02x", digest[i]);
    return AKI_OK;
}
