#include "model/config_graph.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/json_parse.h"
#include "model/limits.h"
#include "model/quote.h"

#define PARAMETERS "rope_parameters"
#define SCALING "rope_scaling"
#define MOST_THETA 1e12
#define MOST_FACTOR 1e6

static const char *const scaling_names[] = {"default", "linear", "ntk"};

static aki_status refuse_type(const config_fields *fields, const char *key, const char *type,
                              config_scaling most, aki_error *error)
{
    char field[80];
    snprintf(field, sizeof field, "%s.rope_type", key);
    return config_unsupported(fields, field, type,
                              most == CONFIG_SCALING_NONE     ? "default"
                              : most == CONFIG_SCALING_LINEAR ? "default, linear"
                                                              : "default, linear, ntk",
                              error);
}

/* Fields of an object of rope parameters, and what else may stand there: null, or a number that says nothing. */
static aki_status check_keys(const json_t *object, const config_fields *fields, const char *key,
                             aki_error *error)
{
    static const char *const known[] = {"rope_type", "type", "rope_theta", "factor", "partial_rotary_factor"};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        bool is_known = json_is_null(value);
        for (size_t i = 0; i < sizeof known / sizeof known[0] && !is_known; i++)
            is_known = strcmp(name, known[i]) == 0;
        if (!is_known)
            return error_set(
                error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s.%s\" is set to %s; supported are models without it",
                fields->file.path, key, quote_name(name, strlen(name)).text, quote_json(value).text);
    }
    return AKI_OK;
}

/* One object of rope parameters. */
static aki_status read_object(const json_t *object, const model_config *config, const config_fields *fields,
                              const char *key, config_scaling most, model_rotary *rotary, aki_error *error)
{
    const char *path = fields->file.path, *type = "default";
    double theta = rotary->theta, factor = 1.0, partial = 1.0;
    aki_status status = check_keys(object, fields, key, error);
    if (status == AKI_OK)
        status = json_field_string(object, path, "type", &type, error);
    if (status == AKI_OK)
        status = json_field_string(object, path, "rope_type", &type, error);
    if (status == AKI_OK)
        status = json_field_number(object, path, "rope_theta", 1.0, MOST_THETA, &theta, error);
    if (status == AKI_OK)
        status = json_field_number(object, path, "factor", 1e-6, MOST_FACTOR, &factor, error);
    if (status == AKI_OK)
        status = json_field_number(object, path, "partial_rotary_factor", 0.0, 1.0, &partial, error);
    if (status != AKI_OK)
        return status;
    if (partial != 1.0)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': \"%s.partial_rotary_factor\" is %g; supported: 1", path, key, partial);
    size_t scaling = 0;
    while (scaling <= (size_t)most && strcmp(scaling_names[scaling], type) != 0)
        scaling++;
    if (scaling > (size_t)most)
        return refuse_type(fields, key, type, most, error);
    rotary->theta = (float)theta;
    if (scaling == CONFIG_SCALING_LINEAR)
        rotary->divisor = (float)factor;
    if (scaling == CONFIG_SCALING_NTK && factor > 1.0) {
        rotary->theta = (float)(theta * factor);
        rotary->divisor = (float)pow(factor, 2.0 / (double)config->head_size);
    }
    return AKI_OK;
}

/* An object, null or nothing. */
static aki_status object_at(const json_t *parent, const config_fields *fields, const char *key,
                            const json_t **object, aki_error *error)
{
    *object = json_object_get(parent, key);
    if (*object != NULL && !json_is_null(*object) && !json_is_object(*object))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be an object", fields->file.path, key);
    *object = json_is_object(*object) ? *object : NULL;
    return AKI_OK;
}

static bool has_kinds(const json_t *parameters)
{
    return json_is_object(json_object_get(parameters, "full_attention")) ||
           json_is_object(json_object_get(parameters, "sliding_attention"));
}

aki_status config_read_rotary(const model_config *config, const config_fields *fields,
                              const config_rotary *how, model_rotary *rotary, aki_error *error)
{
    const json_t *parameters, *older, *kind = NULL;
    *rotary = (model_rotary){.theta = how->theta};
    if (config->head_size % 2 != 0)
        return error_set(error, AKI_MODEL_INVALID, "'%s': rotary positions need heads of even size, not %zu",
                         fields->file.path, config->head_size);
    aki_status status = config_read_number(fields, how->theta_key, 1.0, MOST_THETA, &rotary->theta, error);
    if (status == AKI_OK)
        status = object_at(fields->file.root, fields, PARAMETERS, &parameters, error);
    if (status == AKI_OK)
        status = object_at(fields->file.root, fields, SCALING, &older, error);
    if (status == AKI_OK && how->kind != NULL)
        status = object_at(parameters, fields, how->kind, &kind, error);
    if (status != AKI_OK)
        return status;
    if (parameters != NULL && (how->kind != NULL) != has_kinds(parameters) &&
        json_object_size(parameters) > 0)
        return error_set(error, AKI_MODEL_UNSUPPORTED,
                         "'%s': \"" PARAMETERS "\" is %s kind of layer; supported: %s", fields->file.path,
                         how->kind != NULL ? "not given by" : "given by",
                         how->kind != NULL ? "\"full_attention\" and \"sliding_attention\"" : "one for all");
    parameters = how->kind != NULL ? kind : parameters;
    if (parameters != NULL)
        return read_object(parameters, config, fields, PARAMETERS, how->most, rotary, error);
    return older != NULL ? read_object(older, config, fields, SCALING, how->most, rotary, error) : AKI_OK;
}

static void set_local(model_config *config, size_t layer)
{
    config->graph.local_layers[layer / 64] |= UINT64_C(1) << layer % 64;
}

static aki_status read_types(model_config *config, const config_fields *fields, const json_t *types,
                             aki_error *error)
{
    if (!json_is_array(types) || json_array_size(types) != config->layers)
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"layer_types\" must be an array of %zu texts",
                         fields->file.path, config->layers);
    for (size_t l = 0; l < config->layers; l++) {
        const char *type = json_string_value(json_array_get(types, l));
        if (type == NULL)
            return error_set(error, AKI_MODEL_INVALID, "'%s': \"layer_types\" must be an array of %zu texts",
                             fields->file.path, config->layers);
        if (strcmp(type, "sliding_attention") == 0)
            set_local(config, l);
        else if (strcmp(type, "full_attention") != 0)
            return config_unsupported(fields, "layer_types", type, "full_attention, sliding_attention",
                                      error);
    }
    return AKI_OK;
}

aki_status config_read_layer_types(model_config *config, const config_fields *fields, const char *every_key,
                                   size_t every, size_t offset, aki_error *error)
{
    const json_t *types = json_object_get(fields->file.root, "layer_types");
    const config_size size = {every_key, 1, MODEL_MAX_LAYERS, every, &every, NULL};
    aki_status status = every_key != NULL ? config_read_sizes(fields, &size, 1, error) : AKI_OK;
    if (status != AKI_OK)
        return status;
    if (types != NULL && !json_is_null(types))
        return read_types(config, fields, types, error);
    for (size_t l = 0; every > 0 && l < config->layers; l++)
        if ((l + offset) % every != 0)
            set_local(config, l);
    return AKI_OK;
}

aki_status config_only_full(model_config *config, const config_fields *fields, aki_error *error)
{
    aki_status status = config_read_layer_types(config, fields, NULL, 0, 0, error);
    for (size_t l = 0; l < config->layers && status == AKI_OK; l++)
        if (model_layer_reach(&config->graph, l) == MODEL_LOCAL)
            status = config_unsupported(fields, "layer_types", "sliding_attention", "full_attention", error);
    return status;
}

aki_status config_read_heads(model_config *config, const config_fields *fields, size_t key_value_heads,
                             size_t head_size, aki_error *error)
{
    const config_size sizes[] = {
        {"num_key_value_heads", 1, MODEL_MAX_HEADS, key_value_heads > 0 ? key_value_heads : config->heads,
         &config->graph.key_value_heads, NULL},
        {"head_dim", 1, MODEL_MAX_HIDDEN, head_size > 0 ? head_size : config->hidden_size / config->heads,
         &config->head_size, NULL},
    };
    aki_status status = config_read_sizes(fields, sizes, sizeof sizes / sizeof sizes[0], error);
    if (status == AKI_OK && config->heads % config->graph.key_value_heads != 0)
        status = error_set(
            error, AKI_MODEL_INVALID,
            "'%s': \"num_attention_heads\" (%zu) is not a multiple of \"num_key_value_heads\" (%zu)",
            fields->file.path, config->heads, config->graph.key_value_heads);
    if (status == AKI_OK && config->head_size == 0)
        status = error_set(error, AKI_MODEL_INVALID,
                           "'%s': \"head_dim\" is missing, and \"hidden_size\" (%zu) "
                           "is below \"num_attention_heads\" (%zu)",
                           fields->file.path, config->hidden_size, config->heads);
    return status;
}
