#include "model/modules.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "model/folder.h"
#include "model/quote.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Kinds that no list holds: the Transformer itself, by two names, and a Dropout, which changes no vector outside of training. */
enum { TRANSFORMER = -1, DROPOUT = -2, MLM_TRANSFORMER = -3, STATIC_EMBEDDING = -4 };

static const struct {
    const char *name;
    int kind; /* module_kind, or one of those above */
} classes[] = {
    {"Transformer", TRANSFORMER},
    {"Pooling", MODULE_POOLING},
    {"Dense", MODULE_DENSE},
    {"LayerNorm", MODULE_LAYER_NORM},
    {"Normalize", MODULE_NORMALIZE},
    {"Dropout", DROPOUT},
    {"SpladePooling", MODULE_SPLADE},
    {"MLMTransformer", MLM_TRANSFORMER},
    {"StaticEmbedding", STATIC_EMBEDDING},
};
#define CLASSES (sizeof classes / sizeof classes[0])

/* Class of "sentence_transformers.models.Pooling" and of the longer dotted paths of later versions; NULL for code that
 * does not come from that package. */
static const char *class_of(const char *type)
{
    static const char package[] = "sentence_transformers.";
    return strncmp(type, package, sizeof package - 1) == 0 ? strrchr(type, '.') + 1 : NULL;
}

static aki_status read_path(char **out, const char *folder, const char *file, const json_t *path,
                            size_t index, aki_error *error)
{
    if (!json_is_string(path))
        return error_set(error, AKI_MODEL_INVALID, "'%s': module %zu has no \"path\" string", file, index);
    const char *relative = json_string_value(path);
    size_t length = json_string_length(path);
    if (!folder_contains(relative, length))
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': the path '%s' of module %zu leads out of the model folder", file,
                         quote_name(relative, length).text, index);
    *out = length > 0 ? NULL : mem_copy_string(folder);
    if (length > 0)
        return folder_path(out, folder, relative, error);
    return *out != NULL ? AKI_OK : error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", file);
}

/* A Normalize that works on something else than the pooled vector belongs to multi-vector models. */
static aki_status check_normalize(const char *folder, aki_error *error)
{
    static const char *const keys[] = {"module_input_name", "module_output_name"};
    folder_json file;
    aki_status status = folder_json_read(&file, folder, "config.json", JSON_OBJECT, FOLDER_OPTIONAL, error);
    for (size_t i = 0; i < 2 && status == AKI_OK && file.root != NULL; i++) {
        const char *name = "sentence_embedding";
        status = json_field_string(file.root, file.path, keys[i], &name, error);
        if (status == AKI_OK && strcmp(name, "sentence_embedding") != 0)
            status = error_set(error, AKI_MODEL_UNSUPPORTED,
                               "'%s': \"%s\" is '%s'; supported is 'sentence_embedding'", file.path, keys[i],
                               quote_name(name, strlen(name)).text);
    }
    folder_json_free(&file);
    return status;
}

static aki_status unsupported(const char *file, size_t index, const json_t *type, const char *why,
                              aki_error *error)
{
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': module %zu is '%s'; %s", file, index,
                     quote_name(json_string_value(type), json_string_length(type)).text, why);
}

static bool is_transformer(int kind)
{
    return kind == TRANSFORMER || kind == MLM_TRANSFORMER || kind == STATIC_EMBEDDING;
}

static aki_status find_kind(int *kind, const char *file, const json_t *type, size_t index, aki_error *error)
{
    if (!json_is_string(type))
        return error_set(error, AKI_MODEL_INVALID, "'%s': module %zu has no \"type\" string", file, index);
    const char *name = class_of(json_string_value(type));
    for (size_t i = 0; name != NULL && i < CLASSES; i++)
        if (strcmp(name, classes[i].name) == 0 && is_transformer(classes[i].kind) == (index == 0)) {
            *kind = classes[i].kind;
            return AKI_OK;
        }
    return unsupported(
        file, index, type,
        "supported are a Transformer first, then Pooling, Dense, LayerNorm, Normalize and Dropout, or a "
        "SpladePooling alone; or a StaticEmbedding first, then those without a Pooling",
        error);
}

/* Puts the module into the list, and takes over its path. */
static void add_module(model_modules *out, module_kind kind, char *path)
{
    out->heads[out->count++] = (model_module){.kind = kind, .folder = path};
}

static aki_status read_module(model_modules *out, const char *folder, const char *file, const json_t *module,
                              size_t index, aki_error *error)
{
    const json_t *type = json_object_get(module, "type");
    char *path = NULL;
    int kind = TRANSFORMER;
    aki_status status = find_kind(&kind, file, type, index, error);
    if (status == AKI_OK)
        status = read_path(&path, folder, file, json_object_get(module, "path"), index, error);
    if (status == AKI_OK && kind == MODULE_NORMALIZE)
        status = check_normalize(path, error);
    const bool pooled = out->count > 0, pools = kind == MODULE_POOLING || kind == MODULE_SPLADE;
    if (status == AKI_OK && kind >= 0 && kind != MODULE_NORMALIZE && pooled == pools)
        status = unsupported(file, index, type,
                             out->is_static ? "a StaticEmbedding pools by itself"
                             : pooled       ? "supported is one Pooling"
                                            : "supported is a Pooling before it",
                             error);
    if (status == AKI_OK && kind >= 0 && modules_are_splade(out))
        status = unsupported(file, index, type, "supported is nothing behind a SpladePooling", error);
    if (status == AKI_OK && kind == MODULE_POOLING && out->fills_mask)
        status =
            unsupported(file, index, type, "supported is a SpladePooling behind an MLMTransformer", error);
    if (status == AKI_OK && pooled && kind >= 0 && out->count == MODEL_MAX_MODULES)
        status = error_set(error, AKI_MODEL_UNSUPPORTED, "'%s' lists more than %zu modules", file,
                           MODEL_MAX_MODULES);
    if (status == AKI_OK && is_transformer(kind)) {
        out->transformer = path;
        out->fills_mask = kind == MLM_TRANSFORMER;
        out->is_static = kind == STATIC_EMBEDDING;
        if (out->is_static)
            add_module(out, MODULE_MEAN, NULL);
    } else if (status == AKI_OK && kind >= 0 && (pooled || pools)) {
        add_module(out, (module_kind)kind, path);
    } else {
        mem_free(path);
    }
    return status;
}

/* In the reference a module replaces an earlier one of its name. */
static aki_status check_names(const folder_json *file, aki_error *error)
{
    size_t count = json_array_size(file->root);
    for (size_t i = 0; i < count; i++)
        for (size_t before = 0; before < i; before++) {
            const json_t *name = json_object_get(json_array_get(file->root, i), "name");
            if (name != NULL && json_equal(name, json_object_get(json_array_get(file->root, before), "name")))
                return error_set(error, AKI_MODEL_UNSUPPORTED,
                                 "'%s': modules %zu and %zu have the same \"name\"", file->path, before, i);
        }
    return AKI_OK;
}

static aki_status read_chain(model_modules *out, const char *folder, const folder_json *file,
                             aki_error *error)
{
    size_t count = json_array_size(file->root);
    for (size_t i = 0; i < count; i++) {
        aki_status status = read_module(out, folder, file->path, json_array_get(file->root, i), i, error);
        if (status != AKI_OK)
            return status;
    }
    if (out->transformer == NULL)
        return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s' lists no Transformer module", file->path);
    out->alone = count == 1 && !out->is_static;
    if (out->count == 0 && !out->alone)
        return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s' lists no Pooling module", file->path);
    return check_names(file, error);
}

static aki_status check_folder(const char *folder, aki_error *error)
{
    struct stat info;
    if (folder[0] == '\0')
        return error_set(error, AKI_MODEL_NOT_FOUND, "the name of the model folder is empty");
    if (stat(folder, &info) != 0)
        return error_set_errno(error,
                               errno == ENOENT || errno == ENOTDIR ? AKI_MODEL_NOT_FOUND : AKI_IO_ERROR,
                               errno, "cannot open the model folder '%s'", folder);
    if (!S_ISDIR(info.st_mode))
        return error_set(error, AKI_MODEL_NOT_FOUND, "'%s' is not a folder", folder);
    return AKI_OK;
}

aki_status modules_read(model_modules *out, const char *folder, aki_error *error)
{
    *out = (model_modules){0};
    aki_status status = check_folder(folder, error);
    if (status != AKI_OK)
        return status;
    folder_json file;
    status = folder_json_read(&file, folder, "modules.json", JSON_ARRAY, FOLDER_OPTIONAL, error);
    if (status == AKI_OK && file.root != NULL) {
        status = read_chain(out, folder, &file, error);
    } else if (status == AKI_OK) {
        out->transformer = mem_copy_string(folder);
        if (out->transformer == NULL)
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", folder);
        else if (!folder_lists(folder, "config.json"))
            status = error_set(error, AKI_MODEL_NOT_FOUND,
                               "'%s' holds no model: it has neither modules.json nor config.json", folder);
    }
    folder_json_free(&file);
    return status;
}

aki_status modules_find_transformer(char **out, const char *folder, aki_error *error)
{
    *out = NULL;
    aki_status status = check_folder(folder, error);
    if (status != AKI_OK)
        return status;
    folder_json file;
    status = folder_json_read(&file, folder, "modules.json", JSON_ARRAY, FOLDER_OPTIONAL, error);
    for (size_t i = 0; status == AKI_OK && *out == NULL && i < json_array_size(file.root); i++) {
        const json_t *module = json_array_get(file.root, i);
        const char *type = json_string_value(json_object_get(module, "type"));
        const char *name = type != NULL ? class_of(type) : NULL;
        if (name != NULL && (strcmp(name, "Transformer") == 0 || strcmp(name, "MLMTransformer") == 0 ||
                             strcmp(name, "StaticEmbedding") == 0))
            status = read_path(out, folder, file.path, json_object_get(module, "path"), i, error);
    }
    if (status == AKI_OK && *out == NULL) {
        *out = mem_copy_string(folder);
        if (*out == NULL)
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", folder);
    }
    folder_json_free(&file);
    return status;
}

aki_status modules_find_static(bool *is_static, const char *folder, aki_error *error)
{
    folder_json file;
    *is_static = false;
    aki_status status = folder_json_read(&file, folder, "modules.json", JSON_ARRAY, FOLDER_OPTIONAL, error);
    if (status == AKI_OK && file.root != NULL) {
        const char *type = json_string_value(json_object_get(json_array_get(file.root, 0), "type"));
        const char *name = type != NULL ? class_of(type) : NULL;
        *is_static = name != NULL && strcmp(name, "StaticEmbedding") == 0;
    } else if (status == AKI_OK) {
        folder_json_free(&file);
        status = folder_json_read(&file, folder, "config.json", JSON_OBJECT, FOLDER_OPTIONAL, error);
        const char *type = json_string_value(json_object_get(file.root, "model_type"));
        *is_static = status == AKI_OK && type != NULL && strcmp(type, "model2vec") == 0;
    }
    folder_json_free(&file);
    return status;
}

aki_status modules_find_weights(weight_paths *out, const char *folder, aki_error *error)
{
    char *transformer = NULL;
    *out = (weight_paths){.items = NULL};
    aki_status status = modules_find_transformer(&transformer, folder, error);
    if (status == AKI_OK)
        status = weight_paths_find(out, transformer, error);
    mem_free(transformer);
    return status;
}

void modules_free(model_modules *modules)
{
    mem_free(modules->transformer);
    for (size_t i = 0; i < modules->count; i++)
        mem_free(modules->heads[i].folder);
    *modules = (model_modules){0};
}
