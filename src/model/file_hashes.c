#include "model/file_hashes.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/shard_index.h"
#include "base/xxhash64.h"
#include "model/folder.h"
#include "model/weight_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 20)
#define HASH_ROOM 17

static const char *const names[] = {"modules.json",
                                    "config.json",
                                    "config_sentence_transformers.json",
                                    "sentence_bert_config.json",
                                    "sentence_roberta_config.json",
                                    "sentence_distilbert_config.json",
                                    "sentence_camembert_config.json",
                                    "sentence_albert_config.json",
                                    "sentence_xlm-roberta_config.json",
                                    "sentence_xlnet_config.json",
                                    "tokenizer.json",
                                    "tokenizer_config.json",
                                    "special_tokens_map.json",
                                    "added_tokens.json",
                                    "vocab.txt",
                                    "vocab.json",
                                    "merges.txt",
                                    WEIGHT_FILE,
                                    WEIGHT_FILE SHARD_INDEX_ENDING};

typedef struct job {
    const char *folder;
    file_hashes_fn add;
    void *cookie;
    unsigned char *block; /* [READ_BYTES] */
} job;

static bool hash_descriptor(const job *j, int descriptor, xxhash64_state *hash)
{
    struct stat info;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    for (;;) {
        ssize_t got = read(descriptor, j->block, READ_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        xxhash64_add(hash, j->block, (size_t)got);
    }
}

/* Marks a file that cannot be read. If it can be read in the next run, the two runs differ. */
static void hash_file(const job *j, const char *path, char out[HASH_ROOM])
{
    xxhash64_state hash;
    xxhash64_begin(&hash, 0);
    /* O_NONBLOCK: a FIFO of such a name must not be waited for. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool read_all = descriptor >= 0 && hash_descriptor(j, descriptor, &hash);
    if (descriptor >= 0)
        close(descriptor);
    if (read_all)
        snprintf(out, HASH_ROOM, "%016" PRIx64, xxhash64_value(&hash));
    else
        snprintf(out, HASH_ROOM, "unreadable");
}

/* module: "" or a folder below the model's. *path: becomes that of the file, freed with mem_free; NULL = the folder does not list
 * it. */
static aki_status add_file(const job *j, const char *module, const char *file, char **path, aki_error *error)
{
    char name[512], hash[HASH_ROOM];
    size_t length = strlen(module);
    bool slash = length > 0 && module[length - 1] != '/';
    *path = NULL;
    if ((size_t)snprintf(name, sizeof name, "%s%s%s", module, slash ? "/" : "", file) >= sizeof name)
        return error_set(error, AKI_MODEL_INVALID, "the path of a module in '%s' is too long", j->folder);
    if (!folder_lists(j->folder, name))
        return AKI_OK;
    aki_status status = folder_path(path, j->folder, name, error);
    if (status == AKI_OK) {
        hash_file(j, *path, hash);
        j->add(j->cookie, name, hash);
    }
    return status;
}

/* The files of an index that can be read; of another the hash of the index itself tells. */
static aki_status add_shards(const job *j, const char *module, const char *index_path, aki_error *error)
{
    shard_index index;
    aki_status status = AKI_OK;
    if (shard_index_read(&index, index_path, NULL) == AKI_OK)
        for (size_t i = 0; i < index.count && status == AKI_OK; i++) {
            char *path;
            status = add_file(j, module, index.files[i], &path, error);
            mem_free(path);
        }
    shard_index_free(&index);
    return status;
}

static aki_status add_folder(const job *j, const char *module, aki_error *error)
{
    const size_t count = sizeof names / sizeof names[0];
    aki_status status = AKI_OK;
    for (size_t i = 0; i < count && status == AKI_OK; i++) {
        char *path;
        status = add_file(j, module, names[i], &path, error);
        if (status == AKI_OK && path != NULL && i + 1 == count)
            status = add_shards(j, module, path, error);
        mem_free(path);
    }
    return status;
}

static aki_status add_modules(const job *j, aki_error *error)
{
    folder_json file;
    aki_status status =
        folder_json_read(&file, j->folder, "modules.json", JSON_ARRAY, FOLDER_OPTIONAL, error);
    for (size_t i = 0; status == AKI_OK && i < json_array_size(file.root); i++) {
        const json_t *path = json_object_get(json_array_get(file.root, i), "path");
        if (json_is_string(path) && json_string_length(path) > 0 &&
            folder_contains(json_string_value(path), json_string_length(path)))
            status = add_folder(j, json_string_value(path), error);
    }
    folder_json_free(&file);
    return status;
}

aki_status file_hashes_of(const char *folder, file_hashes_fn add, void *cookie, aki_error *error)
{
    job j = {.folder = folder, .add = add, .cookie = cookie, .block = mem_alloc(READ_BYTES, 1)};
    if (j.block == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", folder);
    aki_status status = add_folder(&j, "", error);
    if (status == AKI_OK)
        status = add_modules(&j, error);
    mem_free(j.block);
    return status;
}

static uint64_t add_rows(uint64_t hash, const model_tensor *tensor, size_t first, size_t rows)
{
    const uint64_t shape[] = {tensor->dtype, rows, tensor->columns};
    const size_t row_bytes =
        tensor->columns * (tensor->dtype == MODEL_F32 ? sizeof(float) : sizeof(uint16_t));
    hash = xxhash64(hash, shape, sizeof shape);
    return rows > 0 ? xxhash64(hash, tensor->data + first * row_bytes, rows * row_bytes) : hash;
}

static uint64_t add_list(uint64_t hash, const model_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hash = add_rows(hash, &tensors[i], 0, tensors[i].rows);
    return hash;
}

uint64_t model_fingerprint(const model_config *config, const model_weights *weights, size_t words)
{
    const uint64_t numbers[] = {config->vocabulary_size,
                                config->hidden_size,
                                config->layers,
                                config->heads,
                                config->max_positions,
                                config->intermediate_size,
                                config->token_types,
                                config->activation,
                                config->graph.positions_skip_padding,
                                (uint64_t)config->graph.padding_id,
                                config->graph.relative_bias,
                                config->head_size,
                                config->graph.alibi,
                                config->graph.window,
                                config->graph.causal,
                                config->graph.key_value_heads,
                                config->graph.norm,
                                config->graph.pre_norm,
                                config->graph.joint_head_norms,
                                config->graph.attention_input_twice,
                                config->graph.gated,
                                config->graph.experts,
                                config->graph.chosen,
                                config->graph.mixture_every};
    const float reals[] = {config->layer_norm_epsilon,
                           config->graph.rotary[MODEL_GLOBAL].theta,
                           config->graph.rotary[MODEL_GLOBAL].divisor,
                           config->graph.rotary[MODEL_LOCAL].theta,
                           config->graph.rotary[MODEL_LOCAL].divisor,
                           config->graph.score_divisor,
                           config->graph.embedding_scale};
    uint64_t hash = xxhash64(0, numbers, sizeof numbers);
    hash = xxhash64(hash, reals, sizeof reals);
    hash = xxhash64(hash, config->graph.local_layers, sizeof config->graph.local_layers);
    const model_tensor *embeddings = &weights->word_embeddings;
    if (words >= embeddings->rows)
        hash = add_rows(hash, embeddings, 0, embeddings->rows);
    for (size_t i = 0; words < embeddings->rows && i < words; i++)
        hash = add_rows(hash, embeddings, embeddings->rows / words * i, 1);
    hash = add_list(hash, weights->tensors + 1, MODEL_OUTER_TENSORS - 1);
    for (size_t i = 0; i < config->layers; i++)
        hash = add_list(hash, weights->layers[i].tensors, MODEL_LAYER_TENSORS);
    return hash;
}
