/* Which files a model consists of, and whether a snapshot in the cache has them. */
#ifndef HUB_SNAPSHOT_H
#define HUB_SNAPSHOT_H

#include "hub/cache_layout.h"

#define SNAPSHOT_MODULES_MAX 8
#define SNAPSHOT_FILES_MAX (SNAPSHOT_MODULES_MAX + 8)
#define SNAPSHOT_MODULES_FILE "modules.json"

typedef enum snapshot_need {
    SNAPSHOT_OPTIONAL,
    SNAPSHOT_REQUIRED,
    SNAPSHOT_TOKENIZER, /* at least one file of this kind */
} snapshot_need;

typedef struct snapshot_file {
    char name[REPO_FILE_NAME_MAX + 1];
    snapshot_need need;
} snapshot_file;

/* The files besides modules.json in the order of download: the weights come last, so that a snapshot that has them is
 * whole. */
typedef struct snapshot_plan {
    size_t count;
    snapshot_file files[SNAPSHOT_FILES_MAX];
} snapshot_plan;

/* The plan of a model whose modules.json is the file `modules` (NULL = it has none). Errors: AKI_MODEL_NOT_FOUND,
 * AKI_MODEL_INVALID (also: a path that leaves the model's folder), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status snapshot_make_plan(const char *modules, snapshot_plan *plan, aki_error *error);

typedef struct snapshot_state {
    bool usable;  /* every file needed is there */
    bool settled; /* and it is certain that the repository has no modules.json that this snapshot lacks */
    char missing[256]; /* names, when not usable */
} snapshot_state;

/* A snapshot filled by another program may lack modules.json though the repository has one (transformers alone never
 * asks for it): such a one is usable, but not settled. */
void snapshot_inspect(const cache_layout *layout, const char *commit, snapshot_state *state);

#endif
