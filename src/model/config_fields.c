#include "model/config_fields.h"

#include <string.h>

#include "base/error.h"
#include "base/json_parse.h"
#include "model/quote.h"

static const char *path_of(const config_fields *fields, const char *key)
{
    const json_t *argument = json_object_get(fields->sentence->configuration.root, key);
    return argument != NULL && !json_is_null(argument) ? fields->sentence->file.path : fields->file.path;
}

aki_status config_unsupported(const config_fields *fields, const char *key, const char *found,
                              const char *list, aki_error *error)
{
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is '%s'; supported: %s",
                     path_of(fields, key), key, quote_name(found, strlen(found)).text, list);
}

aki_status config_merge_arguments(config_fields *fields, const char *accepted, aki_error *error)
{
    const char *key;
    json_t *value;
    const sentence_arguments *arguments = &fields->sentence->configuration;
    aki_status status =
        sentence_arguments_check(fields->sentence, arguments, fields->file.root, accepted, error);
    if (status != AKI_OK)
        return status;
    json_object_foreach((json_t *)arguments->root, key, value)
    {
        if (!json_is_null(value) && json_object_set(fields->file.root, key, value) != 0)
            return error_set(error, AKI_OUT_OF_MEMORY, "no memory to read '%s'", fields->file.path);
    }
    return AKI_OK;
}

aki_status config_read_sizes(const config_fields *fields, const config_size *sizes, size_t count,
                             aki_error *error)
{
    aki_status status = AKI_OK;
    for (size_t i = 0; i < count && status == AKI_OK; i++) {
        const config_size *s = &sizes[i];
        const char *key = s->older_key != NULL && !config_has(fields, s->key) ? s->older_key : s->key;
        *s->value = s->by_default;
        status = json_field_size(fields->file.root, path_of(fields, key), key, s->minimum, s->maximum,
                                 s->value, error);
    }
    return status;
}

aki_status config_split_heads(model_config *config, const config_fields *fields, const char *hidden_key,
                              const char *heads_key, aki_error *error)
{
    if (config->hidden_size % config->heads != 0)
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" (%zu) is not a multiple of \"%s\" (%zu)",
                         fields->file.path, hidden_key, config->hidden_size, heads_key, config->heads);
    config->head_size = config->hidden_size / config->heads;
    return AKI_OK;
}

aki_status config_read_text(const config_fields *fields, const char *key, const char **value,
                            aki_error *error)
{
    return json_field_string(fields->file.root, path_of(fields, key), key, value, error);
}

static const char *config_activation_name(model_activation activation)
{
    return activation == MODEL_GELU_TANH ? "gelu_pytorch_tanh" : activation == MODEL_SILU ? "silu" : "gelu";
}

aki_status config_read_activation(const config_fields *fields, const char *key, model_activation *activation,
                                  aki_error *error)
{
    /* The names of one function; the reference's implementations of it differ in rounding only. */
    static const struct {
        const char *name;
        model_activation activation;
    } known[] = {
        {"gelu", MODEL_GELU_ERF},
        {"gelu_python", MODEL_GELU_ERF},
        {"gelu_new", MODEL_GELU_TANH},
        {"gelu_pytorch_tanh", MODEL_GELU_TANH},
        {"gelu_fast", MODEL_GELU_TANH},
        {"gelu_python_tanh", MODEL_GELU_TANH},
        {"gelu_accurate", MODEL_GELU_TANH},
        {"relu", MODEL_RELU},
        {"silu", MODEL_SILU},
        {"swish", MODEL_SILU},
    };
    const char *name = config_activation_name(*activation);
    aki_status status = config_read_text(fields, key, &name, error);
    if (status != AKI_OK)
        return status;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0) {
            *activation = known[i].activation;
            return AKI_OK;
        }
    return config_unsupported(fields, key, name,
                              "gelu, gelu_python, gelu_new, gelu_pytorch_tanh, gelu_fast, gelu_python_tanh, "
                              "gelu_accurate, relu, silu, swish",
                              error);
}

aki_status config_read_epsilon(const config_fields *fields, float *epsilon, aki_error *error)
{
    static const char key[] = "layer_norm_eps";
    double value = 1e-12;
    aki_status status =
        json_field_number(fields->file.root, path_of(fields, key), key, 1e-30, 1, &value, error);
    *epsilon = (float)value;
    return status;
}

aki_status config_read_number(const config_fields *fields, const char *key, double minimum, double maximum,
                              float *value, aki_error *error)
{
    double number = *value;
    aki_status status =
        json_field_number(fields->file.root, path_of(fields, key), key, minimum, maximum, &number, error);
    *value = (float)number;
    return status;
}

aki_status config_read_flag(const config_fields *fields, const char *key, bool *value, aki_error *error)
{
    return json_field_bool(fields->file.root, path_of(fields, key), key, value, error);
}

bool config_has(const config_fields *fields, const char *key)
{
    const json_t *value = json_object_get(fields->file.root, key);
    return value != NULL && !json_is_null(value);
}

aki_status config_only_text(const config_fields *fields, const char *key, const char *supported,
                            aki_error *error)
{
    const char *found = supported;
    aki_status status = config_read_text(fields, key, &found, error);
    if (status == AKI_OK && strcmp(found, supported) != 0)
        status = config_unsupported(fields, key, found, supported, error);
    return status;
}

aki_status config_only_false(const config_fields *fields, const char *key, aki_error *error)
{
    return config_check_fixed(fields, &(config_fixed){.key = key, .kind = CONFIG_FALSE}, 1, error);
}

aki_status config_only_absent(const config_fields *fields, const char *key, aki_error *error)
{
    const json_t *value = json_object_get(fields->file.root, key);
    const bool is_list = json_is_object(value) || json_is_array(value);
    if (value == NULL || json_is_null(value) ||
        (is_list && json_object_size(value) + json_array_size(value) == 0))
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': \"%s\" is set to %s; supported are models without it", path_of(fields, key), key,
                     quote_json(value).text);
}

static aki_status only_flag(const config_fields *fields, const char *key, bool supported, aki_error *error)
{
    bool on = supported;
    aki_status status = config_read_flag(fields, key, &on, error);
    return status == AKI_OK && on != supported
               ? config_unsupported(fields, key, on ? "true" : "false", supported ? "true" : "false", error)
               : status;
}

static aki_status only_number(const config_fields *fields, const char *key, double supported,
                              aki_error *error)
{
    double number = supported;
    aki_status status =
        json_field_number(fields->file.root, path_of(fields, key), key, -1e300, 1e300, &number, error);
    if (status != AKI_OK || number == supported)
        return status;
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is %.9g; supported: %.9g",
                     path_of(fields, key), key, number, supported);
}

static aki_status check_fixed(const config_fields *fields, const config_fixed *row, aki_error *error)
{
    switch (row->kind) {
    case CONFIG_FALSE:
        return only_flag(fields, row->key, false, error);
    case CONFIG_TRUE:
        return only_flag(fields, row->key, true, error);
    case CONFIG_TEXT:
        return config_only_text(fields, row->key, row->text, error);
    case CONFIG_NUMBER:
        return only_number(fields, row->key, row->number, error);
    case CONFIG_ABSENT:
        break;
    }
    return config_only_absent(fields, row->key, error);
}

aki_status config_check_fixed(const config_fields *fields, const config_fixed *rows, size_t count,
                              aki_error *error)
{
    aki_status status = AKI_OK;
    for (size_t i = 0; i < count && status == AKI_OK; i++)
        status = check_fixed(fields, &rows[i], error);
    return status;
}
