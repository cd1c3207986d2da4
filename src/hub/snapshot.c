#include "hub/snapshot.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json_file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MODULES_BYTES_MAX ((size_t)1 << 20)

/* In the folder of the transformer module, which is the model's own where modules.json does not say otherwise. */
static const struct {
    const char *name;
    snapshot_need need;
} transformer_files[] = {
    {"config.json", SNAPSHOT_REQUIRED},
    {"sentence_bert_config.json", SNAPSHOT_OPTIONAL},
    {"tokenizer.json", SNAPSHOT_TOKENIZER},
    {"tokenizer_config.json", SNAPSHOT_OPTIONAL},
    {"special_tokens_map.json", SNAPSHOT_OPTIONAL},
    {"vocab.txt", SNAPSHOT_TOKENIZER},
    {"model.safetensors", SNAPSHOT_REQUIRED},
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

/* Adds the configuration of a module, or says by *transformer where the transformer's files lie. */
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
    if (strcmp(name, "Transformer") == 0) {
        *transformer = folder;
        return AKI_OK;
    }
    snapshot_need need = strcmp(name, "Pooling") == 0 ? SNAPSHOT_REQUIRED : SNAPSHOT_OPTIONAL;
    return add_file(plan, folder, "config.json", need) ? AKI_OK : bad_path(modules, error);
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
    if (modules != NULL) {
        status = json_file_read(modules, MODULES_BYTES_MAX, &root, error);
        if (status == AKI_OK)
            status = add_modules(plan, root, modules, &transformer, error);
    }
    if (status == AKI_OK)
        add_file(plan, "", "config_sentence_transformers.json", SNAPSHOT_OPTIONAL);
    for (size_t i = 0; status == AKI_OK && i < sizeof transformer_files / sizeof transformer_files[0]; i++)
        if (!add_file(plan, transformer, transformer_files[i].name, transformer_files[i].need))
            status = bad_path(modules, error);
    json_decref(root);
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
    bool has_modules = has_file(layout, commit, SNAPSHOT_MODULES_FILE), has_tokenizer = false;
    cache_path modules = cache_file_path(layout, commit, SNAPSHOT_MODULES_FILE);
    snapshot_plan plan;
    if (snapshot_make_plan(has_modules ? modules.text : NULL, &plan, NULL) != AKI_OK) {
        add_missing(state, "a modules.json that can be read");
        return;
    }
    for (size_t i = 0; i < plan.count; i++) {
        bool there = has_file(layout, commit, plan.files[i].name);
        if (plan.files[i].need == SNAPSHOT_TOKENIZER)
            has_tokenizer = has_tokenizer || there;
        else if (plan.files[i].need == SNAPSHOT_REQUIRED && !there)
            add_missing(state, plan.files[i].name);
    }
    if (!has_tokenizer)
        add_missing(state, "tokenizer.json or vocab.txt");
    cache_path absent = cache_absent_path(layout, commit, SNAPSHOT_MODULES_FILE);
    state->settled = state->usable && (has_modules || file_exists(absent.text));
}
