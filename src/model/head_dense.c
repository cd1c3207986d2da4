/* Dense and LayerNorm: the modules with weights. */
#include "model/heads.h"

#include "base/error.h"
#include "base/json_parse.h"
#include "base/memory.h"
#include "model/folder.h"
#include "model/limits.h"
#include "model/quote.h"
#include "model/weight_files.h"

#include <string.h>

/* The last part of the class's path, as fullname() and people write it. */
static const struct {
    const char *name;
    model_head_activation activation;
} activations[] = {
    {"Identity", MODEL_HEAD_IDENTITY}, {"Tanh", MODEL_HEAD_TANH},       {"ReLU", MODEL_HEAD_RELU},
    {"GELU", MODEL_HEAD_GELU},         {"Sigmoid", MODEL_HEAD_SIGMOID}, {"SiLU", MODEL_HEAD_SILU},
};

static const char *const dense_fields[] = {
    "in_features",       "out_features",       "bias",         "activation_function",
    "module_input_name", "module_output_name", "use_residual", NULL};
static const char *const norm_fields[] = {"dimension", NULL};

static const char *class_in_torch(const char *path)
{
    static const char *const packages[] = {"torch.nn.modules.activation.", "torch.nn.modules.linear.",
                                           "torch.nn.modules.", "torch.nn."};
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++)
        if (strncmp(path, packages[i], strlen(packages[i])) == 0)
            return path + strlen(packages[i]);
    return "";
}

bool head_activation_named(const char *path, model_head_activation *out)
{
    const char *name = class_in_torch(path);
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
        if (strcmp(name, activations[i].name) == 0) {
            *out = activations[i].activation;
            return true;
        }
    return false;
}

/* Without the field it is the constructor's default. */
static aki_status read_activation(model_head *head, const folder_json *file, aki_error *error)
{
    static const char key[] = "activation_function";
    const char *path = "torch.nn.modules.activation.Tanh";
    if (json_is_null(json_object_get(file->root, key)))
        return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" must be a string", file->path, key);
    aki_status status = json_field_string(file->root, file->path, key, &path, error);
    if (status != AKI_OK)
        return status;
    if (head_activation_named(path, &head->activation))
        return AKI_OK;
    return error_set(error, AKI_MODEL_UNSUPPORTED,
                     "'%s': \"%s\" is '%s'; supported of torch.nn: " HEAD_ACTIVATIONS, file->path, key,
                     quote_name(path, strlen(path)).text);
}

/* Refuses fields that a later version may give a meaning. known: ended by NULL. */
static aki_status check_fields(const folder_json *file, const char *const *known, aki_error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach(file->root, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(key, known[i]) != 0)
            i++;
        if (known[i] == NULL)
            return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is no field that this program knows",
                             file->path, quote_name(key, strlen(key)).text);
    }
    return AKI_OK;
}

/* A Dense on the tokens' vectors belongs to multi-vector models. */
static aki_status check_wiring(const folder_json *file, aki_error *error)
{
    static const char *const keys[] = {"module_input_name", "module_output_name"};
    static const char supported[] = "sentence_embedding";
    bool residual = false;
    aki_status status = json_field_bool(file->root, file->path, "use_residual", &residual, error);
    if (status == AKI_OK && residual)
        status = error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"use_residual\" is true; supported is false",
                           file->path);
    for (size_t i = 0; i < 2 && status == AKI_OK; i++) {
        const char *name = supported;
        status = json_field_string(file->root, file->path, keys[i], &name, error);
        if (status == AKI_OK && strcmp(name, supported) != 0)
            status = error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is '%s'; supported is '%s'",
                               file->path, keys[i], quote_name(name, strlen(name)).text, supported);
    }
    return status;
}

static aki_status read_size(const folder_json *file, const char *key, size_t *value, aki_error *error)
{
    *value = 0;
    aki_status status = json_field_size(file->root, file->path, key, 1, MODEL_MAX_INTERMEDIATE, value, error);
    if (status == AKI_OK && *value == 0)
        status = error_set(error, AKI_MODEL_INVALID, "'%s' has no \"%s\"", file->path, key);
    return status;
}

static aki_status check_inputs(const model_head *head, const folder_json *file, const char *key, size_t found,
                               aki_error *error)
{
    if (found == head->inputs)
        return AKI_OK;
    return error_set(error, AKI_MODEL_INVALID, "'%s': \"%s\" is %zu, but the module before gives %zu numbers",
                     file->path, key, found, head->inputs);
}

static aki_status read_dense_file(model_head *head, const folder_json *file, bool *bias, aki_error *error)
{
    size_t inputs = 0;
    *bias = true;
    aki_status status = check_fields(file, dense_fields, error);
    if (status == AKI_OK)
        status = check_wiring(file, error);
    if (status == AKI_OK)
        status = read_size(file, "in_features", &inputs, error);
    if (status == AKI_OK)
        status = check_inputs(head, file, "in_features", inputs, error);
    if (status == AKI_OK)
        status = read_size(file, "out_features", &head->outputs, error);
    if (status == AKI_OK)
        status = json_field_bool(file->root, file->path, "bias", bias, error);
    return status == AKI_OK ? read_activation(head, file, error) : status;
}

aki_status head_read_dense(model_head *head, const char *folder, aki_error *error)
{
    folder_json file;
    bool bias = true;
    aki_status status = folder_json_read(&file, folder, "config.json", JSON_OBJECT, FOLDER_REQUIRED, error);
    if (status == AKI_OK)
        status = read_dense_file(head, &file, &bias, error);
    folder_json_free(&file);
    if (status != AKI_OK)
        return status;
    const head_tensor wanted[] = {{"linear.weight", head->outputs, head->inputs, &head->weight},
                                  {"linear.bias", 0, head->outputs, &head->bias}};
    status = head_weights_read(folder, WEIGHT_FILE, wanted, bias ? 2 : 1, error);
    if (status == AKI_OK && !bias) {
        head->bias = mem_zalloc(head->outputs, sizeof *head->bias);
        if (head->bias == NULL)
            status = error_set(error, AKI_OUT_OF_MEMORY, "no memory for the module in '%s'", folder);
    }
    return status;
}

aki_status head_read_layer_norm(model_head *head, const char *folder, aki_error *error)
{
    folder_json file;
    size_t dimension = 0;
    aki_status status = folder_json_read(&file, folder, "config.json", JSON_OBJECT, FOLDER_REQUIRED, error);
    if (status == AKI_OK)
        status = check_fields(&file, norm_fields, error);
    if (status == AKI_OK)
        status = read_size(&file, "dimension", &dimension, error);
    if (status == AKI_OK)
        status = check_inputs(head, &file, "dimension", dimension, error);
    folder_json_free(&file);
    if (status != AKI_OK)
        return status;
    head->outputs = dimension;
    const head_tensor wanted[] = {{"norm.weight", 0, dimension, &head->weight},
                                  {"norm.bias", 0, dimension, &head->bias}};
    return head_weights_read(folder, WEIGHT_FILE, wanted, 2, error);
}
