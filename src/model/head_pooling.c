#include "model/heads.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "model/folder.h"
#include "model/limits.h"
#include "model/quote.h"

#include <string.h>

/* The boolean key of older files and the name of newer ones, in the order in which the reference puts the poolings of
 * several booleans side by side. */
static const struct {
    const char *key, *name;
    aki_pooling pooling;
} modes[] = {
    {"pooling_mode_cls_token", "cls", AKI_POOLING_CLS},
    {"pooling_mode_max_tokens", "max", AKI_POOLING_MAX},
    {"pooling_mode_mean_tokens", "mean", AKI_POOLING_MEAN},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", AKI_POOLING_MEAN_SQRT_LEN},
    {"pooling_mode_weightedmean_tokens", "weightedmean", AKI_POOLING_WEIGHTED_MEAN},
    {"pooling_mode_lasttoken", "lasttoken", AKI_POOLING_LAST},
};
#define MODES (sizeof modes / sizeof modes[0])

const char *model_pooling_name(aki_pooling pooling)
{
    for (size_t i = 0; i < MODES; i++)
        if (modes[i].pooling == pooling)
            return modes[i].name;
    return "model";
}

static aki_status add_mode(model_head *head, const folder_json *file, const json_t *mode, aki_error *error)
{
    if (!json_is_string(mode))
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': \"pooling_mode\" must be a string or a list of them", file->path);
    if (head->poolings_count == MODEL_MAX_POOLINGS)
        return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s' asks for more than %zu poolings side by side",
                         file->path, MODEL_MAX_POOLINGS);
    for (size_t i = 0; i < MODES; i++)
        if (strcmp(modes[i].name, json_string_value(mode)) == 0) {
            head->poolings[head->poolings_count++] = modes[i].pooling;
            return AKI_OK;
        }
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': the pooling is '%s'; supported: cls, max, mean, mean_sqrt_len_tokens, "
                     "weightedmean, lasttoken",
                     file->path, quote_name(json_string_value(mode), json_string_length(mode)).text);
}

/* "pooling_mode": "mean", or a list, whose order counts. */
static aki_status read_named_modes(model_head *head, const folder_json *file, const json_t *mode,
                                   aki_error *error)
{
    if (!json_is_array(mode) || json_array_size(mode) == 0)
        return add_mode(head, file, mode, error);
    aki_status status = AKI_OK;
    for (size_t i = 0; i < json_array_size(mode) && status == AKI_OK; i++)
        status = add_mode(head, file, json_array_get(mode, i), error);
    return status;
}

/* One boolean per mode; none set means mean, as in the reference. */
static aki_status read_flagged_modes(model_head *head, const folder_json *file, aki_error *error)
{
    for (size_t i = 0; i < MODES; i++) {
        bool on = false;
        aki_status status = json_field_bool(file->root, file->path, modes[i].key, &on, error);
        if (status != AKI_OK)
            return status;
        if (on)
            head->poolings[head->poolings_count++] = modes[i].pooling;
    }
    if (head->poolings_count == 0)
        head->poolings[head->poolings_count++] = AKI_POOLING_MEAN;
    return AKI_OK;
}

/* sentence-transformers refuses other fields too. */
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

static aki_status check_dimension(const model_head *head, const folder_json *file, aki_error *error)
{
    size_t dimension = 0;
    aki_status status = json_field_size(file->root, file->path, "word_embedding_dimension", 1,
                                        MODEL_MAX_HIDDEN, &dimension, error);
    if (status == AKI_OK && dimension == 0)
        status = json_field_size(file->root, file->path, "embedding_dimension", 1, MODEL_MAX_HIDDEN,
                                 &dimension, error);
    if (status == AKI_OK && dimension == 0)
        status = error_set(error, AKI_MODEL_INVALID, "'%s' has no \"word_embedding_dimension\"", file->path);
    if (status == AKI_OK && dimension != head->inputs)
        status = error_set(
            error, AKI_MODEL_INVALID,
            "'%s': \"word_embedding_dimension\" is %zu, but \"hidden_size\" of the transformer is %zu",
            file->path, dimension, head->inputs);
    return status;
}

aki_status head_read_pooling(model_head *head, const char *folder, aki_error *error)
{
    folder_json file;
    bool includes_prompt = true;
    aki_status status = folder_json_read(&file, folder, "config.json", JSON_OBJECT, FOLDER_REQUIRED, error);
    if (status == AKI_OK)
        status = check_fields(&file, error);
    if (status == AKI_OK)
        status = check_dimension(head, &file, error);
    if (status == AKI_OK)
        status = json_field_bool(file.root, file.path, "include_prompt", &includes_prompt, error);
    if (json_is_null(json_object_get(file.root, "include_prompt"))) /* as false in Python */
        includes_prompt = false;
    if (status == AKI_OK) {
        const json_t *mode = json_object_get(file.root, "pooling_mode");
        status = mode != NULL ? read_named_modes(head, &file, mode, error)
                              : read_flagged_modes(head, &file, error);
    }
    folder_json_free(&file);
    head->leaves_prompt_out = !includes_prompt;
    head->outputs = head->inputs * head->poolings_count;
    return status;
}
