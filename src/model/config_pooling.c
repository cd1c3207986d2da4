#include "model/config.h"

#include "base/error.h"
#include "base/json_file.h"
#include "model/folder.h"
#include "model/limits.h"
#include "model/quote.h"

#include <string.h>

/* The boolean key of older files and the name of newer ones. AKI_POOLING_MODEL = known, but not implemented. */
static const struct {
    const char *key, *name;
    aki_pooling pooling;
} modes[] = {
    {"pooling_mode_cls_token", "cls", AKI_POOLING_CLS},
    {"pooling_mode_max_tokens", "max", AKI_POOLING_MAX},
    {"pooling_mode_mean_tokens", "mean", AKI_POOLING_MEAN},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", AKI_POOLING_MODEL},
    {"pooling_mode_weightedmean_tokens", "weightedmean", AKI_POOLING_MODEL},
    {"pooling_mode_lasttoken", "lasttoken", AKI_POOLING_MODEL},
};
#define MODES (sizeof modes / sizeof modes[0])

static aki_status several_modes(const folder_json *file, aki_error *error)
{
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s' asks for several poolings side by side; supported is one of cls, max, mean",
                     file->path);
}

static aki_status take_mode(model_config *config, const folder_json *file, const char *name, size_t length,
                            aki_error *error)
{
    for (size_t i = 0; i < MODES; i++)
        if (modes[i].pooling != AKI_POOLING_MODEL && strcmp(modes[i].name, name) == 0) {
            config->pooling = modes[i].pooling;
            return AKI_OK;
        }
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': the pooling is '%s'; supported: cls, max, mean",
                     file->path, quote_name(name, length).text);
}

/* "pooling_mode": "mean", or a list of one. */
static aki_status read_named_mode(model_config *config, const folder_json *file, const json_t *mode,
                                  aki_error *error)
{
    if (json_array_size(mode) > 1)
        return several_modes(file, error);
    if (json_is_array(mode))
        mode = json_array_get(mode, 0);
    if (!json_is_string(mode))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"pooling_mode\" must be a string", file->path);
    return take_mode(config, file, json_string_value(mode), json_string_length(mode), error);
}

/* One boolean per mode; none set means mean, as in the reference. */
static aki_status read_flagged_mode(model_config *config, const folder_json *file, aki_error *error)
{
    const char *chosen = NULL;
    for (size_t i = 0; i < MODES; i++) {
        bool on = false;
        aki_status status = json_field_bool(file->root, file->path, modes[i].key, &on, error);
        if (status != AKI_OK)
            return status;
        if (on && chosen != NULL)
            return several_modes(file, error);
        if (on)
            chosen = modes[i].name;
    }
    if (chosen == NULL)
        chosen = "mean";
    return take_mode(config, file, chosen, strlen(chosen), error);
}

/* sentence-transformers refuses other fields too. Where there is no prompt, as here, "include_prompt" has no effect. */
static aki_status check_fields(const folder_json *file, aki_error *error)
{
    static const char *const known[] = {"word_embedding_dimension", "embedding_dimension", "pooling_mode",
                                        "include_prompt"};
    const char *key;
    json_t *value;
    json_object_foreach(file->root, key, value)
    {
        bool fine = json_is_null(value);
        for (size_t i = 0; !fine && i < sizeof known / sizeof known[0]; i++)
            fine = strcmp(key, known[i]) == 0;
        for (size_t i = 0; !fine && i < MODES; i++)
            fine = strcmp(key, modes[i].key) == 0;
        if (!fine)
            return error_set(error, AKI_MODEL_UNSUPPORTED,
                             "'%s': \"%s\" is no field that this program or sentence-transformers knows",
                             file->path, quote_name(key, strlen(key)).text);
    }
    return AKI_OK;
}

static aki_status check_dimension(const model_config *config, const folder_json *file, aki_error *error)
{
    size_t dimension = 0;
    aki_status status = json_field_size(file->root, file->path, "word_embedding_dimension", 1,
                                        MODEL_MAX_HIDDEN, &dimension, error);
    if (status == AKI_OK && dimension == 0)
        status = json_field_size(file->root, file->path, "embedding_dimension", 1, MODEL_MAX_HIDDEN,
                                 &dimension, error);
    if (status == AKI_OK && dimension == 0)
        status = error_set(error, AKI_MODEL_INVALID, "'%s' has no \"word_embedding_dimension\"", file->path);
    if (status == AKI_OK && dimension != config->hidden_size)
        status = error_set(
            error, AKI_MODEL_INVALID,
            "'%s': \"word_embedding_dimension\" is %zu, but \"hidden_size\" of the transformer is %zu",
            file->path, dimension, config->hidden_size);
    return status;
}

aki_status config_read_pooling(model_config *config, const char *pooling_folder, aki_error *error)
{
    config->pooling = AKI_POOLING_MEAN;
    if (pooling_folder == NULL)
        return AKI_OK;
    folder_json file;
    aki_status status =
        folder_json_read(&file, pooling_folder, "config.json", JSON_OBJECT, FOLDER_REQUIRED, error);
    if (status == AKI_OK)
        status = check_fields(&file, error);
    if (status == AKI_OK)
        status = check_dimension(config, &file, error);
    if (status == AKI_OK) {
        const json_t *mode = json_object_get(file.root, "pooling_mode");
        status = mode != NULL ? read_named_mode(config, &file, mode, error)
                              : read_flagged_mode(config, &file, error);
    }
    folder_json_free(&file);
    return status;
}
