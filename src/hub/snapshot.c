#include "hub/snapshot.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MODULES_BYTES_MAX ((size_t)1 << 20)

const snapshot_file snapshot_files[] = {
    {"config.json", true},
    {"modules.json", false},
    {"sentence_bert_config.json", false},
    {"config_sentence_transformers.json", false},
    {"tokenizer.json", false},
    {"tokenizer_config.json", false},
    {"special_tokens_map.json", false},
    {"vocab.txt", false},
    {"model.safetensors", true},
};
const size_t snapshot_file_count = sizeof snapshot_files / sizeof snapshot_files[0];

/* "sentence_transformers.models.Pooling", or whatever stands before the class name. */
static bool is_pooling(const char *type)
{
    const char *dot = strrchr(type, '.');
    return strcmp(dot != NULL ? dot + 1 : type, "Pooling") == 0;
}

static aki_status add_module(const json_t *module, const char *path, snapshot_poolings *poolings,
                             aki_error *error)
{
    const char *type = "", *folder = "";
    aki_status status = json_field_string(module, path, "type", &type, error);
    if (status == AKI_OK)
        status = json_field_string(module, path, "path", &folder, error);
    if (status != AKI_OK || !is_pooling(type))
        return status;
    if (poolings->count == SNAPSHOT_POOLINGS_MAX)
        return error_set(error, AKI_MODEL_INVALID, "'%s' names more than %d pooling modules", path,
                         SNAPSHOT_POOLINGS_MAX);
    char *name = poolings->names[poolings->count];
    int length =
        snprintf(name, REPO_FILE_NAME_MAX + 1, "%s%sconfig.json", folder, folder[0] != '\0' ? "/" : "");
    if (length > REPO_FILE_NAME_MAX || !repo_file_name_valid(name))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"path\" must name a folder inside the model",
                         path);
    poolings->count++;
    return AKI_OK;
}

aki_status snapshot_read_modules(const char *path, snapshot_poolings *poolings, aki_error *error)
{
    poolings->count = 0;
    json_t *modules = NULL;
    aki_status status = json_file_read(path, MODULES_BYTES_MAX, &modules, error);
    if (status != AKI_OK)
        return status;
    if (!json_is_array(modules))
        status = error_set(error, AKI_MODEL_INVALID, "'%s' must hold a list of modules", path);
    for (size_t i = 0; status == AKI_OK && i < json_array_size(modules); i++)
        status = add_module(json_array_get(modules, i), path, poolings, error);
    json_decref(modules);
    return status;
}

static bool has_file(const cache_layout *layout, const char *commit, const char *file)
{
    cache_path path = cache_file_path(layout, commit, file);
    struct stat info;
    return stat(path.text, &info) == 0 && S_ISREG(info.st_mode); /* stat: a dangling link is no file */
}

static void add_missing(snapshot_state *state, const char *name)
{
    size_t used = strlen(state->missing);
    snprintf(state->missing + used, sizeof state->missing - used, "%s%s", used > 0 ? ", " : "", name);
    state->usable = false;
}

void snapshot_inspect(const cache_layout *layout, const char *commit, snapshot_state *state)
{
    memset(state, 0, sizeof *state);
    state->usable = true;
    for (size_t i = 0; i < snapshot_file_count; i++)
        if (snapshot_files[i].required && !has_file(layout, commit, snapshot_files[i].name))
            add_missing(state, snapshot_files[i].name);
    if (!has_file(layout, commit, "tokenizer.json") && !has_file(layout, commit, "vocab.txt"))
        add_missing(state, "tokenizer.json or vocab.txt");

    bool has_modules = has_file(layout, commit, "modules.json");
    if (has_modules) {
        cache_path path = cache_file_path(layout, commit, "modules.json");
        snapshot_poolings poolings;
        if (snapshot_read_modules(path.text, &poolings, NULL) != AKI_OK)
            add_missing(state, "a modules.json that can be read");
        else
            for (size_t i = 0; i < poolings.count; i++)
                if (!has_file(layout, commit, poolings.names[i]))
                    add_missing(state, poolings.names[i]);
    }
    cache_path absent = cache_absent_path(layout, commit, "modules.json");
    state->settled = state->usable && (has_modules || file_exists(absent.text));
}
