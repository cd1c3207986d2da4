#include "hub/repo_id.h"

#include <string.h>

#define ID_PART_MAX 96

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

static bool id_part_valid(const char *part, size_t length)
{
    if (length == 0 || length > ID_PART_MAX || !is_word(part[0]) || !is_word(part[length - 1]))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_word(part[i]) && part[i] != '-' && part[i] != '.')
            return false;
    return true;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

bool repo_id_valid(const char *id)
{
    if (strstr(id, "--") != NULL || strstr(id, "..") != NULL || ends_with(id, ".git"))
        return false;
    const char *slash = strchr(id, '/');
    if (slash == NULL)
        return id_part_valid(id, strlen(id));
    return id_part_valid(id, (size_t)(slash - id)) && id_part_valid(slash + 1, strlen(slash + 1));
}

bool repo_id_looks_like_path(const char *text)
{
    const char *slash = strchr(text, '/');
    return text[0] == '/' || text[0] == '.' || text[0] == '~' ||
           (slash != NULL && strchr(slash + 1, '/') != NULL);
}

/* No part between slashes is empty, "." or ".."; or, unless allowed, starts with a dot. */
static bool parts_valid(const char *path, bool leading_dot_allowed)
{
    for (const char *part = path;; part++) {
        size_t length = strcspn(part, "/");
        bool dots = (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.');
        if (length == 0 || dots || (part[0] == '.' && !leading_dot_allowed))
            return false;
        part += length;
        if (*part == '\0')
            return true;
    }
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    return false;
}

bool revision_valid(const char *revision)
{
    size_t length = strlen(revision);
    return length > 0 && length <= REVISION_MAX && !has_control(revision) &&
           strpbrk(revision, " ~^:?*[\\") == NULL && strstr(revision, "..") == NULL &&
           strstr(revision, "@{") == NULL && !ends_with(revision, ".lock") && !ends_with(revision, ".") &&
           parts_valid(revision, false);
}

bool commit_valid(const char *text)
{
    return strlen(text) == COMMIT_LENGTH && strspn(text, "0123456789abcdef") == COMMIT_LENGTH;
}

bool repo_file_name_valid(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= REPO_FILE_NAME_MAX && !has_control(name) && strchr(name, '\\') == NULL &&
           parts_valid(name, true);
}

bool etag_parse(const char *header, char etag[ETAG_MAX + 1])
{
    if (strncmp(header, "W/", 2) == 0)
        header += 2;
    size_t length = strlen(header);
    if (length >= 2 && header[0] == '"' && header[length - 1] == '"') {
        header++;
        length -= 2;
    }
    if (length == 0 || length > ETAG_MAX || header[0] == '.')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_word(header[i]) && header[i] != '-' && header[i] != '.')
            return false;
    memcpy(etag, header, length);
    etag[length] = '\0';
    return true;
}
