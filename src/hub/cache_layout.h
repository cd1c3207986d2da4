/* The folders of a Hugging Face cache, exactly as huggingface_hub lays them out, so that both use the same files:
 *
 *     <root>/models--<namespace>--<name>/refs/<revision>              the commit, 40 hex digits
 *                                       /snapshots/<commit>/<file>    relative symlink to the blob
 *                                       /blobs/<etag>                 the bytes
 *                                       /blobs/<etag>.incomplete      a download under way or cut
 *                                       /.no_exist/<commit>/<file>    empty: the repository lacks this file
 *                                       /trees/<commit>.json          the files that the repository has
 *     <root>/.locks/models--<namespace>--<name>/<etag>.lock           flock while a blob is written
 *
 * A layout checks the root's length once; every path made from it then fits CACHE_PATH_MAX. */
#ifndef HUB_CACHE_LAYOUT_H
#define HUB_CACHE_LAYOUT_H

#include "akidb/embed.h"
#include "hub/repo_id.h"

#define CACHE_PATH_MAX 4096

typedef struct cache_path {
    char text[CACHE_PATH_MAX];
} cache_path;

typedef struct cache_layout {
    char root[CACHE_PATH_MAX];
    char repo[REPO_ID_MAX + 16]; /* "models--namespace--name" */
} cache_layout;

/* `id` is valid by repo_id_valid. Errors: AKI_IO_ERROR (root too long), AKI_INVALID_ARGUMENT (it starts with '~': the
 * home folder is not known). */
AKI_MUST_CHECK aki_status cache_layout_init(cache_layout *layout, const char *root, const char *id,
                                            aki_error *error);

cache_path cache_blob_path(const cache_layout *layout, const char *etag);
cache_path cache_snapshot_path(const cache_layout *layout, const char *commit);
cache_path cache_file_path(const cache_layout *layout, const char *commit, const char *file);
cache_path cache_ref_path(const cache_layout *layout, const char *revision);
cache_path cache_absent_path(const cache_layout *layout, const char *commit, const char *file);
cache_path cache_listing_path(const cache_layout *layout, const char *commit);
cache_path cache_lock_path(const cache_layout *layout, const char *etag);

/* The id that a folder "models--…" stands for; false for any other name. */
bool cache_repo_to_id(const char *repo, char id[REPO_ID_MAX + 1]);

/* Creates the folders above `path`, as mkdir -p. Error: AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status cache_make_parents(const char *path, aki_error *error);

/* The commit that a revision means as far as this cache knows (a commit means itself); false when unknown. */
bool cache_read_ref(const cache_layout *layout, const char *revision, char commit[COMMIT_LENGTH + 1]);

/* Notes the meaning of a revision; nothing to do for a commit or when it is noted already. Error: AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status cache_write_ref(const cache_layout *layout, const char *revision,
                                          const char *commit, aki_error *error);

/* Makes snapshots/<commit>/<file> stand for blobs/<etag>, in place of whatever was there. Error: AKI_IO_ERROR. */
AKI_MUST_CHECK aki_status cache_link_file(const cache_layout *layout, const char *commit, const char *file,
                                          const char *etag, aki_error *error);

/* True when the cache holds an interrupted download of the model. */
bool cache_has_cut_download(const cache_layout *layout);

/* Notes that the repository has no such file. A failure to note it is harmless and ignored. */
void cache_mark_absent(const cache_layout *layout, const char *commit, const char *file);

/* Tells backup programs to skip the cache. Failure is harmless and ignored. */
void cache_write_tag(const cache_layout *layout);

#endif
