/* Characters and lengths allowed in a model's name, a revision, a commit, an ETag and a file name before any of them becomes part of
 * a path or a URL. Pure functions of their arguments. */
#ifndef HUB_REPO_ID_H
#define HUB_REPO_ID_H

#include <stdbool.h>
#include <stddef.h>

#define REPO_ID_MAX 193        /* "namespace/name", 96 characters each */
#define REVISION_MAX 255       /* bytes */
#define COMMIT_LENGTH 40       /* lower-case hex */
#define ETAG_MAX 128           /* bytes, without quotes */
#define REPO_FILE_NAME_MAX 255 /* bytes, path inside the repository */

/* "name" or "namespace/name" by huggingface_hub's rule: parts of 1 to 96 letters, digits, '-', '_', '.', that start and
 * end with a letter, digit or '_'; no "--", no "..", no ".git" at the end. */
bool repo_id_valid(const char *id);

/* True where the text can only mean a folder: starts with '/', '.' or '~', or has more than one slash. */
bool repo_id_looks_like_path(const char *text);

/* A branch, tag, "refs/pr/1" or commit, by git's rules for reference names. */
bool revision_valid(const char *revision);

/* A full commit hash, which never changes its meaning. */
bool commit_valid(const char *text);

/* A relative path inside the repository: no empty, "." or ".." part, no control character or backslash. */
bool repo_file_name_valid(const char *name);

/* The value of an ETag header without W/ and quotes, if it may serve as a file name; else false. */
bool etag_parse(const char *header, char etag[ETAG_MAX + 1]);

#endif
