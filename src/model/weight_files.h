/* The weights of a folder: model.safetensors, or the files that model.safetensors.index.json lists, seen as one.
 *
 * The files of an index are mapped side by side, so that all their tensors are offsets from one address. Index and files must say
 * the same: each tensor of the index is in the file that it names, no file has another, and their bytes add up to "total_size" where that
 * is given. So files of two revisions, or of two models, are not mixed. Where a folder has both forms, model.safetensors counts, as in
 * transformers. */
#ifndef MODEL_WEIGHT_FILES_H
#define MODEL_WEIGHT_FILES_H

#include "base/mapping.h"
#include "model/safetensors.h"

#define WEIGHT_FILE "model.safetensors"

typedef struct weight_files {
    mapping *map;
    safetensors *tensors; /* measured from mapping_data(map) */
    char *path;           /* of the file or of the index, for messages */
} weight_files;

/* Whatever the result, release it with weight_files_close; a caller that keeps the map sets it to NULL. Errors: AKI_MODEL_NOT_FOUND,
 * AKI_MODEL_INVALID, AKI_MODEL_UNSUPPORTED (weights in another format only), AKI_MODEL_CHANGED (cut while being read),
 * AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status weight_files_open(weight_files *out, const char *folder, aki_error *error);
void weight_files_close(weight_files *files);

/* Paths of files that hold the weights of a folder. */
typedef struct weight_paths {
    char **items; /* [count] */
    size_t count; /* 1, or the index and its files behind it */
} weight_paths;

/* For callers that look at the files themselves. folder: of the transformer. A folder without weights gives the path at which model.safetensors
 * is missing. Whatever the result, release it with weight_paths_free. Errors: as shard_index_read. */
AKI_MUST_CHECK aki_status weight_paths_find(weight_paths *out, const char *folder, aki_error *error);
void weight_paths_free(weight_paths *paths);

/* The error for a folder that has no WEIGHT_FILE: says in which other format the weights are, and what converts them. */
aki_status weight_files_missing(const char *folder, aki_error *error);

#endif
