/* Which files a model consists of, and whether a snapshot in the cache has them. */
#ifndef HUB_SNAPSHOT_H
#define HUB_SNAPSHOT_H

#include "hub/cache_layout.h"

#define SNAPSHOT_MODULES_MAX 8
#define SNAPSHOT_FILES_MAX (2 * SNAPSHOT_MODULES_MAX + 16)
#define SNAPSHOT_MODULES_FILE "modules.json"

typedef enum snapshot_need {
    SNAPSHOT_OPTIONAL,   /* its absence changes no vector */
    SNAPSHOT_DECIDING,   /* need not exist, but decides vectors where it does */
    SNAPSHOT_OLDER_NAME, /* of sentence_bert_config.json: read only where the names before it are absent */
    SNAPSHOT_REQUIRED,
    SNAPSHOT_WEIGHTS,   /* this file, or its index (SHARD_INDEX_ENDING) and the files that the index lists */
    SNAPSHOT_TOKENIZER, /* at least one file of this kind */
} snapshot_need;

typedef struct snapshot_file {
    char name[REPO_FILE_NAME_MAX + 1];
    snapshot_need need;
} snapshot_file;

/* The files besides modules.json in the order of download: the older names of sentence_bert_config.json follow it at
 * once, and the weights come last, so that a snapshot that has them is whole. */
typedef struct snapshot_plan {
    size_t count;
    bool is_static; /* the first module is a StaticEmbedding, which needs no config.json */
    snapshot_file files[SNAPSHOT_FILES_MAX];
} snapshot_plan;

/* The plan of a model whose modules.json is the file `modules` (NULL = it has none). Errors: AKI_MODEL_NOT_FOUND,
 * AKI_MODEL_INVALID (also: a path that leaves the model's folder), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status snapshot_make_plan(const char *modules, snapshot_plan *plan, aki_error *error);

/* The name in the repository of a file that the index of `weights` lists; false where it is too long. */
bool snapshot_shard_name(char name[REPO_FILE_NAME_MAX + 1], const char *weights, const char *shard);

typedef struct snapshot_state {
    bool usable;       /* every file without which the model cannot be opened is there */
    bool settled;      /* and each file that decides vectors is there, or known not to exist */
    char missing[256]; /* names, when not settled */
} snapshot_state;

/* A cache filled by another program may lack a file that the repository has, because a program fetches only what it
 * reads (transformers alone never asks for modules.json). A file is known not to exist from
 *
 *   - .no_exist/<commit>/<file>, which huggingface_hub and pull write for a request that found no file;
 *   - trees/<commit>.json, huggingface_hub's listing of the repository, which a download of the whole repository
 *     leaves;
 *   - for older releases without listings: a snapshot with .gitattributes, which only a download of the whole
 *     repository fetches, in a cache without an interrupted download (blobs/<etag>.incomplete). */
void snapshot_inspect(const cache_layout *layout, const char *commit, snapshot_state *state);

#endif
