/* Which files a model consists of, and whether a snapshot in the cache has them. */
#ifndef HUB_SNAPSHOT_H
#define HUB_SNAPSHOT_H

#include "hub/cache_layout.h"

#define SNAPSHOT_POOLINGS_MAX 4

typedef struct snapshot_file {
    const char *name;
    bool required;
} snapshot_file;

/* In the order of download: what tells most comes first, the weights last, so that a snapshot with weights is whole.
 * Of tokenizer.json and vocab.txt one is required. */
extern const snapshot_file snapshot_files[];
extern const size_t snapshot_file_count;

/* Names of the pooling configurations that a modules.json asks for ("1_Pooling/config.json"). */
typedef struct snapshot_poolings {
    size_t count;
    char names[SNAPSHOT_POOLINGS_MAX][REPO_FILE_NAME_MAX + 1];
} snapshot_poolings;

/* Errors: AKI_MODEL_NOT_FOUND, AKI_MODEL_INVALID (also: a path that leaves the folder), AKI_IO_ERROR,
 * AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status snapshot_read_modules(const char *path, snapshot_poolings *poolings,
                                                aki_error *error);

typedef struct snapshot_state {
    bool usable;  /* every file needed is there */
    bool settled; /* and it is certain that the repository has no modules.json that this snapshot lacks */
    char missing[256]; /* names, when not usable */
} snapshot_state;

/* A snapshot filled by another program may lack modules.json though the repository has one (transformers alone never
 * asks for it): such a one is usable, but not settled. */
void snapshot_inspect(const cache_layout *layout, const char *commit, snapshot_state *state);

#endif
