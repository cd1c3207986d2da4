#include "hub/snapshot.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_parse.h"
#include "base/shard_index.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MODULES_BYTES_MAX ((size_t)1 << 20)
#define LISTING_BYTES_MAX ((size_t)64 << 20)
#define LISTING_FORMAT 1

/* In the folder of the transformer module, which is the model's own where modules.json does not say otherwise. */
typedef struct transformer_file {
    const char *name;
    snapshot_need need;
    bool with_modules; /* read only beside a modules.json */
} transformer_file;

static const transformer_file transformer_files[] = {
    {"config.json", SNAPSHOT_REQUIRED, false},
    {"sentence_bert_config.json", SNAPSHOT_DECIDING, true},
    {"sentence_roberta_config.json", SNAPSHOT_OLDER_NAME, true},
    {"sentence_distilbert_config.json", SNAPSHOT_OLDER_NAME, true},
    {"sentence_camembert_config.json", SNAPSHOT_OLDER_NAME, true},
    {"sentence_albert_config.json", SNAPSHOT_OLDER_NAME, true},
    {"sentence_xlm-roberta_config.json", SNAPSHOT_OLDER_NAME, true},
    {"sentence_xlnet_config.json", SNAPSHOT_OLDER_NAME, true},
    {"adapter_config.json", SNAPSHOT_OPTIONAL, false}, /* fetched so that the model is refused for it */
    {"tokenizer.json", SNAPSHOT_TOKENIZER, false},
    {"tokenizer_config.json", SNAPSHOT_DECIDING, false},
    {"special_tokens_map.json", SNAPSHOT_DECIDING, false},
    {"added_tokens.json", SNAPSHOT_DECIDING, false},
    {"vocab.txt", SNAPSHOT_TOKENIZER, false},
    {"model.safetensors", SNAPSHOT_WEIGHTS, false},
};

/* "Pooling" of "sentence_transformers.models.Pooling". */
static const char *class_of(const char *type)
{
    const char *dot = strrchr(type, '.');
    return dot != NULL ? dot + 1 : type;
}

/* False: not a name inside the model's folder. */
static bool add_file(snapshot_plan *plan, const char *folder, const char *name, snapshot_need need)
{
    snapshot_file *file = &plan->files[plan->count++];
    file->need = need;
    int length =
        snprintf(file->name, sizeof file->name, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", name);
    return length < (int)sizeof file->name && repo_file_name_valid(file->name);
}

static aki_status bad_path(const char *modules, aki_error *error)
{
    return error_set(error, AKI_MODEL_INVALID, "'%s': \"path\" must name a folder inside the model", modules);
}

/* Adds the configuration of a module, and its weights where its class has some, or says by *transformer where the transformer's files lie. */
static aki_status add_module(snapshot_plan *plan, const json_t *module, const char *modules,
                             const char **transformer, aki_error *error)
{
    const char *type = "", *folder = "";
    aki_status status = json_field_string(module, modules, "type", &type, error);
    if (status == AKI_OK)
        status = json_field_string(module, modules, "path", &folder, error);
    if (status != AKI_OK)
        return status;
    const char *name = class_of(type);
    if (strcmp(name, "Transformer") == 0 || strcmp(name, "StaticEmbedding") == 0) {
        *transformer = folder;
        plan->is_static = strcmp(name, "StaticEmbedding") == 0;
        return AKI_OK;
    }
    const bool weighs = strcmp(name, "Dense") == 0 || strcmp(name, "LayerNorm") == 0;
    const snapshot_need need = weighs || strcmp(name, "Pooling") == 0 ? SNAPSHOT_REQUIRED : SNAPSHOT_OPTIONAL;
    return add_file(plan, folder, "config.json", need) &&
                   (!weighs || add_file(plan, folder, "model.safetensors", SNAPSHOT_REQUIRED))
               ? AKI_OK
               : bad_path(modules, error);
}

static aki_status add_modules(snapshot_plan *plan, const json_t *root, const char *modules,
                              const char **transformer, aki_error *error)
{
    if (!json_is_array(root))
        return error_set(error, AKI_MODEL_INVALID, "'%s' must hold a list of modules", modules);
    if (json_array_size(root) > SNAPSHOT_MODULES_MAX)
        return error_set(error, AKI_MODEL_INVALID, "'%s' lists more than %d modules", modules,
                         SNAPSHOT_MODULES_MAX);
    aki_status status = AKI_OK;
    for (size_t i = 0; status == AKI_OK && i < json_array_size(root); i++)
        status = add_module(plan, json_array_get(root, i), modules, transformer, error);
    return status;
}

aki_status snapshot_make_plan(const char *modules, snapshot_plan *plan, aki_error *error)
{
    json_t *root = NULL;
    const char *transformer = "";
    aki_status status = AKI_OK;
    plan->count = 0;
    plan->is_static = false;
    if (modules != NULL) {
        status = json_file_read(modules, MODULES_BYTES_MAX, &root, error);
        if (status == AKI_OK)
            status = add_modules(plan, root, modules, &transformer, error);
    }
    if (status == AKI_OK && modules != NULL)
        add_file(plan, "", "config_sentence_transformers.json", SNAPSHOT_DECIDING);
    for (size_t i = 0; status == AKI_OK && i < sizeof transformer_files / sizeof transformer_files[0]; i++) {
        const transformer_file *file = &transformer_files[i];
        const bool may_lack = plan->is_static && file->need == SNAPSHOT_REQUIRED;
        if ((modules != NULL || !file->with_modules) &&
            !add_file(plan, transformer, file->name, may_lack ? SNAPSHOT_DECIDING : file->need))
            status = bad_path(modules, error);
    }
    json_decref(root);
    return status;
}

/* ---- What a snapshot has ------------------------------------------------------------------------------------ */

typedef struct inspection {
    const cache_layout *layout;
    const char *commit;
    snapshot_state *state;
    bool read;       /* the two below are filled */
    json_t *listing; /* the repository's files by name, or NULL */
    bool whole;      /* without a listing: everything in the repository was fetched */
} inspection;

static bool has_file(const inspection *in, const char *file)
{
    cache_path path = cache_file_path(in->layout, in->commit, file);
    struct stat info;
    return stat(path.text, &info) == 0 && S_ISREG(info.st_mode); /* stat: a dangling link is no file */
}

/* The "files" of trees/<commit>.json; NULL where there is none that can be read. */
static json_t *read_listing(const inspection *in)
{
    json_t *root = NULL;
    cache_path path = cache_listing_path(in->layout, in->commit);
    if (json_file_read(path.text, LISTING_BYTES_MAX, &root, NULL) != AKI_OK)
        return NULL;
    json_t *files = json_object_get(root, "files");
    bool known = json_integer_value(json_object_get(root, "format_version")) == LISTING_FORMAT;
    json_t *listing = known && json_is_object(files) ? json_incref(files) : NULL;
    json_decref(root);
    return listing;
}

static bool known_absent(inspection *in, const char *file)
{
    struct stat info;
    cache_path path = cache_file_path(in->layout, in->commit, file);
    if (lstat(path.text, &info) == 0) /* a link whose blob is gone shows that the repository has the file */
        return false;
    path = cache_absent_path(in->layout, in->commit, file);
    if (file_exists(path.text))
        return true;
    if (!in->read) {
        in->read = true;
        in->listing = read_listing(in);
        in->whole =
            in->listing == NULL && has_file(in, ".gitattributes") && !cache_has_cut_download(in->layout);
    }
    return in->listing != NULL ? json_object_get(in->listing, file) == NULL : in->whole;
}

static void add_missing(inspection *in, const char *name)
{
    snapshot_state *state = in->state;
    size_t used = strlen(state->missing);
    snprintf(state->missing + used, sizeof state->missing - used, "%s%s", used > 0 ? ", " : "", name);
    state->settled = false;
}

bool snapshot_shard_name(char name[REPO_FILE_NAME_MAX + 1], const char *weights, const char *shard)
{
    const char *slash = strrchr(weights, '/');
    const int folder = slash != NULL ? (int)(slash + 1 - weights) : 0;
    const int length = snprintf(name, REPO_FILE_NAME_MAX + 1, "%.*s%s", folder, weights, shard);
    return length <= REPO_FILE_NAME_MAX && repo_file_name_valid(name);
}

/* The weights in several files: which of them are missing. */
static void inspect_shards(inspection *in, const char *weights, const char *index_name)
{
    shard_index index;
    cache_path path = cache_file_path(in->layout, in->commit, index_name);
    if (shard_index_read(&index, path.text, NULL) != AKI_OK)
        add_missing(in, "a model.safetensors.index.json that can be read");
    else
        for (size_t i = 0; i < index.count; i++) {
            char name[REPO_FILE_NAME_MAX + 1];
            if (!snapshot_shard_name(name, weights, index.files[i]) || !has_file(in, name))
                add_missing(in, index.files[i]);
        }
    shard_index_free(&index);
}

static void inspect_weights(inspection *in, const char *weights)
{
    char index[REPO_FILE_NAME_MAX + 1];
    if (has_file(in, weights))
        return;
    if (snapshot_shard_name(index, weights, "model.safetensors" SHARD_INDEX_ENDING) && has_file(in, index))
        inspect_shards(in, weights, index);
    else
        add_missing(in, weights);
}

/* The files without which the model cannot be opened. */
static void inspect_required(inspection *in, const snapshot_plan *plan)
{
    bool has_tokenizer = false;
    for (size_t i = 0; i < plan->count; i++) {
        const snapshot_file *file = &plan->files[i];
        if (file->need == SNAPSHOT_TOKENIZER)
            has_tokenizer = has_tokenizer || has_file(in, file->name);
        else if (file->need == SNAPSHOT_WEIGHTS)
            inspect_weights(in, file->name);
        else if (file->need == SNAPSHOT_REQUIRED && !has_file(in, file->name))
            add_missing(in, file->name);
    }
    if (!has_tokenizer)
        add_missing(in, "tokenizer.json or vocab.txt");
    in->state->usable = in->state->settled;
}

/* The files that decide vectors where they exist. Of the sentence configuration's names, and of tokenizer.json and
 * vocab.txt, the first that exists is read. */
static void inspect_deciding(inspection *in, const snapshot_plan *plan)
{
    bool has_tokenizer = false, newer_name_absent = false;
    for (size_t i = 0; i < plan->count; i++) {
        const snapshot_file *file = &plan->files[i];
        bool there = has_file(in, file->name);
        bool decides = file->need == SNAPSHOT_DECIDING ||
                       (file->need == SNAPSHOT_TOKENIZER && !has_tokenizer) ||
                       (file->need == SNAPSHOT_OLDER_NAME && newer_name_absent);
        bool absent = decides && !there && known_absent(in, file->name);
        if (decides && !there && !absent)
            add_missing(in, file->name);
        newer_name_absent = absent;
        has_tokenizer = has_tokenizer || (there && file->need == SNAPSHOT_TOKENIZER);
    }
}

void snapshot_inspect(const cache_layout *layout, const char *commit, snapshot_state *state)
{
    inspection in = {.layout = layout, .commit = commit, .state = state};
    memset(state, 0, sizeof *state);
    state->settled = true;
    bool has_modules = has_file(&in, SNAPSHOT_MODULES_FILE);
    cache_path modules = cache_file_path(layout, commit, SNAPSHOT_MODULES_FILE);
    snapshot_plan plan;
    if (snapshot_make_plan(has_modules ? modules.text : NULL, &plan, NULL) != AKI_OK) {
        add_missing(&in, "a modules.json that can be read");
        return;
    }
    inspect_required(&in, &plan);
    if (!state->usable)
        return;
    if (!has_modules && !known_absent(&in, SNAPSHOT_MODULES_FILE))
        add_missing(&in, SNAPSHOT_MODULES_FILE);
    inspect_deciding(&in, &plan);
    json_decref(in.listing);
}
