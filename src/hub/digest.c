#include "hub/digest.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <openssl/evp.h>
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

static aki_status feed(EVP_MD_CTX *context, int descriptor, bool (*cancelled)(void *cookie), void *cookie,
                       unsigned char *block, aki_error *error)
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
        if (EVP_DigestUpdate(context, block, (size_t)got) != 1)
            return error_set(error, AKI_OUT_OF_MEMORY, "computing a digest failed");
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

    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *block = mem_alloc(READ_BYTES, 1);
    aki_status status = AKI_OK;
    const EVP_MD *method = kind == DIGEST_SHA256 ? EVP_sha256() : EVP_sha1();
    if (context == NULL || block == NULL || EVP_DigestInit_ex(context, method, NULL) != 1) {
        status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to check a downloaded file");
        goto done;
    }
    if (kind == DIGEST_GIT_BLOB) {
        char head[32];
        int length = snprintf(head, sizeof head, "blob %lld", (long long)info.st_size);
        if (EVP_DigestUpdate(context, head, (size_t)length + 1) != 1) { /* the NUL is part of it */
            status = error_set(error, AKI_OUT_OF_MEMORY, "computing a digest failed");
            goto done;
        }
    }
    status = feed(context, descriptor, cancelled, cookie, block, error);
    if (status != AKI_OK)
        goto done;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_DigestFinal_ex(context, digest, &length) != 1 || length * 2 > DIGEST_HEX_MAX) {
        status = error_set(error, AKI_INTERNAL, "computing a digest failed");
        goto done;
    }
    for (unsigned i = 0; i < length; i++)
        snprintf(hex + (size_t)i * 2, 3, "%02x", digest[i]);
done:
    mem_free(block);
    EVP_MD_CTX_free(context);
    return status;
}
