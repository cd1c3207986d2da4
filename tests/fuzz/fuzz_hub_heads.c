/* Fuzzes the readers of single lines of the hub's answers: headers, ETags, names, addresses. Each line of the input
 * is given to all of them. A value that is accepted as part of a path must not lead out of its folder. */
#include "fuzz.h"
#include "scratch.h"

#include "hub/digest.h"
#include "hub/repo_id.h"
#include "hub/response_head.h"
#include "hub/transfer.h"

#include <string.h>

#define MOST_LINES 64

/* No part of the path is empty, "." or "..", and no character can mean something to a shell's or a log's reader. */
static void check_path(const char *path)
{
    for (const char *at = path;; at++) {
        const size_t length = strcspn(at, "/");
        FUZZ_CHECK(length > 0 && !(length == 1 && at[0] == '.') &&
                   !(length == 2 && memcmp(at, "..", 2) == 0));
        at += length;
        if (*at == '\0')
            break;
    }
    for (const char *at = path; *at != '\0'; at++)
        FUZZ_CHECK((unsigned char)*at >= 0x20 && *at != 0x7F && *at != '\\');
}

static void check_names(const char *line)
{
    char etag[ETAG_MAX + 1], url[URL_MAX];
    if (etag_parse(line, etag)) {
        check_path(etag);
        FUZZ_CHECK(strlen(etag) <= ETAG_MAX && strchr(etag, '/') == NULL);
        FUZZ_CHECK(digest_name(digest_kind_of(etag)) != NULL);
    }
    if (repo_file_name_valid(line)) {
        check_path(line);
        FUZZ_CHECK(strlen(line) <= REPO_FILE_NAME_MAX);
        FUZZ_CHECK(url_of_file("https://hub.test", "a/b", "main", line, url));
    }
    if (revision_valid(line)) {
        check_path(line);
        FUZZ_CHECK(url_of_file("https://hub.test", "a/b", line, "config.json", url));
        FUZZ_CHECK(strpbrk(url, "?# ") == NULL);
    }
    if (repo_id_valid(line)) {
        check_path(line);
        FUZZ_CHECK(!repo_id_looks_like_path(line) && strlen(line) <= REPO_ID_MAX);
    }
    FUZZ_CHECK(!commit_valid(line) || strlen(line) == COMMIT_LENGTH);
}

static void check_url(const char *line, const char *other)
{
    char host[URL_HOST_MAX], origin[URL_ORIGIN_MAX];
    url_host(line, host);
    url_origin(line, origin);
    FUZZ_CHECK(host[0] != '\0' && memchr(host, '\0', sizeof host) != NULL);
    FUZZ_CHECK(memchr(origin, '\0', sizeof origin) != NULL);
    const bool same = url_same_origin(line, other);
    FUZZ_CHECK(same == url_same_origin(other, line));
    FUZZ_CHECK(!same || url_is_https(line) == url_is_https(other));
    if (same) { /* the host that gets the token is the one that a message would name */
        char other_host[URL_HOST_MAX];
        url_host(other, other_host);
        FUZZ_CHECK(strcasecmp(host, other_host) == 0 || strchr(host, ':') == NULL ||
                   strchr(other_host, ':') == NULL);
    }
}

static void check_head(const response_head *head)
{
    FUZZ_CHECK(memchr(head->repo_commit, '\0', sizeof head->repo_commit) != NULL);
    FUZZ_CHECK(memchr(head->linked_etag, '\0', sizeof head->linked_etag) != NULL);
    FUZZ_CHECK(memchr(head->error_code, '\0', sizeof head->error_code) != NULL);
    FUZZ_CHECK(memchr(head->etag, '\0', sizeof head->etag) != NULL);
    FUZZ_CHECK(head->linked_size >= -1 && head->content_length >= -1);
    FUZZ_CHECK(head->range_start >= -1 && head->range_length >= -1);
    FUZZ_CHECK(head->status >= -1 && head->status <= 999);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    response_head head;
    response_head_init(&head);
    char *before = copy_text(NULL, 0);
    for (size_t i = 0; i < MOST_LINES && size > 0; i++) {
        const uint8_t *end = memchr(data, '\n', size);
        const size_t length = end != NULL ? (size_t)(end - data) : size;
        uint8_t *line = copy_bytes(data, length);
        response_head_line(&head, (const char *)line, length);
        check_head(&head);
        free(line);
        char *text = copy_text(data, length);
        check_names(text);
        check_url(text, before);
        free(before);
        before = text;
        data += end != NULL ? length + 1 : length;
        size -= end != NULL ? length + 1 : length;
    }
    free(before);
    return 0;
}
