#include "model/config.h"

#include "base/error.h"
#include "model/families.h"
#include "model/folder.h"
#include "model/quote.h"

#include <string.h>

#define ADAPTER_FILE "adapter_config.json"

static aki_status refuse_adapter(const char *folder, aki_error *error)
{
    if (!folder_lists(folder, ADAPTER_FILE))
        return AKI_OK;
    error_set(error, AKI_MODEL_UNSUPPORTED,
              "'%s' holds an adapter (" ADAPTER_FILE
              ") to another model's weights; supported is a model of its own",
              folder);
    error_hint(error, "Merge the adapter once with peft (merge_and_unload) and save the model.");
    return AKI_MODEL_UNSUPPORTED;
}

/* The publisher's code for AutoModel, "REPOSITORY--FILE.CLASS" or, where it lies in the folder, "FILE.CLASS"; NULL = there is none. */
static const char *code_of(const config_fields *fields)
{
    return json_string_value(json_object_get(json_object_get(fields->file.root, "auto_map"), "AutoModel"));
}

static const char *class_of(const char *code)
{
    const char *dot = code != NULL ? strrchr(code, '.') : NULL;
    return dot != NULL ? dot + 1 : NULL;
}

/* A text that has the name of the repository in it; NULL = not known. */
static const char *repository_of(const config_fields *fields, const char *code)
{
    return code != NULL && strstr(code, "--") != NULL
               ? code
               : json_string_value(json_object_get(fields->file.root, "_name_or_path"));
}

/* A model that brings code of its own, or whose tensors are not the numbers that are computed with. */
static aki_status refuse_own_ways(const config_fields *fields, const model_family *family, aki_error *error)
{
    const json_t *classes = json_object_get(fields->file.root, "auto_map");
    const char *code = class_of(code_of(fields));
    const bool is_known = code != NULL && family->code != NULL && strcmp(code, family->code) == 0;
    if (json_object_get(classes, "AutoModel") != NULL && !is_known) {
        error_set(error, AKI_MODEL_UNSUPPORTED,
                  "'%s': \"auto_map\" names code of the model's own for AutoModel (%s); supported are models "
                  "that transformers has code for, and classes that docs/MODELS.md lists",
                  fields->file.path, quote_json(json_object_get(classes, "AutoModel")).text);
        return AKI_MODEL_UNSUPPORTED;
    }
    static const char *const keys[] = {"quantization_config", "pruned_heads", "adapters"};
    aki_status status = AKI_OK;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == AKI_OK; i++)
        status = config_only_absent(fields, keys[i], error);
    return status;
}

static aki_status find_family(const model_family **family, const config_fields *fields, aki_error *error)
{
    char list[256];
    const char *type = NULL;
    aki_status status = config_read_text(fields, "model_type", &type, error);
    if (status != AKI_OK)
        return status;
    if (type == NULL)
        return error_set(error, AKI_MODEL_INVALID, "'%s' has no \"model_type\"", fields->file.path);
    const char *code = code_of(fields);
    *family = model_family_find(type, class_of(code), repository_of(fields, code));
    model_family_list(list, sizeof list);
    return *family != NULL ? AKI_OK : config_unsupported(fields, "model_type", type, list, error);
}

aki_status config_read_architecture(model_config *config, const char *folder, const sentence_file *sentence,
                                    aki_error *error)
{
    config_fields fields = {.sentence = sentence};
    aki_status status = refuse_adapter(folder, error);
    if (status == AKI_OK)
        status = folder_json_read(&fields.file, folder, "config.json", JSON_OBJECT,
                                  config->family == NULL ? FOLDER_REQUIRED : FOLDER_OPTIONAL, error);
    if (status == AKI_OK && config->family == NULL)
        status = find_family(&config->family, &fields, error);
    if (status == AKI_OK)
        status = config_merge_arguments(&fields, config->family->arguments, error);
    if (status == AKI_OK)
        status = refuse_own_ways(&fields, config->family, error);
    if (status == AKI_OK)
        status = config->family->read(config, &fields, error);
    folder_json_free(&fields.file);
    return status;
}
