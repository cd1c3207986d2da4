/* model.safetensors.index.json: the index of weights that are split over several files (shards), as transformers writes it.
 *
 *     {"metadata": {"total_size": 8043548672},
 *      "weight_map": {"embed_tokens.weight": "model-00001-of-00002.safetensors", ...}}
 *
 * The index says by name in which file each tensor lies. A file's name is one of the same folder: no path leads out of it or into
 * a folder below. Whether the files hold what the index says is for whoever opens them (model/weight_files.h). */
#ifndef BASE_SHARD_INDEX_H
#define BASE_SHARD_INDEX_H

#include "akidb/embed.h"

#include <jansson.h>

#define SHARD_INDEX_ENDING ".index.json" /* behind the name of the single file that it stands for */
#define SHARD_INDEX_FILES_MAX ((size_t)256)

typedef struct shard_index {
    json_t *root;
    const char **files;       /* [count], in the order of the alphabet, each once; strings of root */
    size_t count;             /* >= 1 */
    const json_t *tensors;    /* name: file */
    bool states_bytes;        /* "total_size" is given */
    unsigned long long bytes; /* of all tensors, by "total_size" */
} shard_index;

/* Reads the file `path`. Whatever the result, release it with shard_index_free. Errors: AKI_MODEL_NOT_FOUND, AKI_MODEL_INVALID
 * (names the field), AKI_IO_ERROR, AKI_OUT_OF_MEMORY. */
AKI_MUST_CHECK aki_status shard_index_read(shard_index *out, const char *path, aki_error *error);
void shard_index_free(shard_index *index);

#endif
