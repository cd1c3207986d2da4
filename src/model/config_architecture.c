#include "model/config.h"

#include "base/error.h"
#include "base/json_file.h"
#include "model/folder.h"
#include "model/limits.h"
#include "model/quote.h"

#include <string.h>

static aki_status unsupported(const folder_json *file, const char *key, const char *found,
                              const char *supported, aki_error *error)
{
    return error_set(error, AKI_MODEL_UNSUPPORTED, "'%s': \"%s\" is '%s'; supported: %s", file->path, key,
                     quote_name(found, strlen(found)).text, supported);
}

static aki_status read_sizes(model_config *config, const folder_json *file, aki_error *error)
{
    const struct {
        const char *key;
        size_t maximum, *value, by_default;
    } fields[] = {
        {"vocab_size", MODEL_MAX_VOCABULARY, &config->vocabulary_size, 30522},
        {"hidden_size", MODEL_MAX_HIDDEN, &config->hidden_size, 768},
        {"num_hidden_layers", MODEL_MAX_LAYERS, &config->layers, 12},
        {"num_attention_heads", MODEL_MAX_HEADS, &config->heads, 12},
        {"intermediate_size", MODEL_MAX_INTERMEDIATE, &config->intermediate_size, 3072},
        {"max_position_embeddings", MODEL_MAX_POSITIONS, &config->max_positions, 512},
        {"type_vocab_size", MODEL_MAX_TOKEN_TYPES, &config->token_types, 2},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        *fields[i].value = fields[i].by_default;
        size_t minimum = fields[i].value == &config->max_positions ? MODEL_MIN_TOKENS : 1;
        aki_status status = json_field_size(file->root, file->path, fields[i].key, minimum, fields[i].maximum,
                                            fields[i].value, error);
        if (status != AKI_OK)
            return status;
    }
    if (config->hidden_size % config->heads != 0)
        return error_set(error, AKI_MODEL_INVALID,
                         "'%s': \"hidden_size\" (%zu) is not a multiple of \"num_attention_heads\" (%zu)",
                         file->path, config->hidden_size, config->heads);
    config->head_size = config->hidden_size / config->heads;
    return AKI_OK;
}

static aki_status read_activation(model_config *config, const folder_json *file, aki_error *error)
{
    static const struct {
        const char *name;
        model_activation activation;
    } known[] = {
        {"gelu", MODEL_GELU_ERF},
        {"gelu_new", MODEL_GELU_TANH},
        {"gelu_pytorch_tanh", MODEL_GELU_TANH},
        {"relu", MODEL_RELU},
    };
    const char *name = "gelu";
    aki_status status = json_field_string(file->root, file->path, "hidden_act", &name, error);
    if (status != AKI_OK)
        return status;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0) {
            config->activation = known[i].activation;
            return AKI_OK;
        }
    return unsupported(file, "hidden_act", name, "gelu, gelu_new, gelu_pytorch_tanh, relu", error);
}

static aki_status check_kind(const folder_json *file, aki_error *error)
{
    const char *model_type = NULL, *positions = "absolute";
    aki_status status = json_field_string(file->root, file->path, "model_type", &model_type, error);
    if (status == AKI_OK && model_type == NULL)
        status = error_set(error, AKI_MODEL_INVALID, "'%s' has no \"model_type\"", file->path);
    if (status == AKI_OK && strcmp(model_type, "bert") != 0)
        status = unsupported(file, "model_type", model_type, "bert", error);
    if (status == AKI_OK)
        status = json_field_string(file->root, file->path, "position_embedding_type", &positions, error);
    if (status == AKI_OK && strcmp(positions, "absolute") != 0)
        status = unsupported(file, "position_embedding_type", positions, "absolute", error);

    static const char *const must_be_false[] = {"is_decoder", "add_cross_attention"};
    for (size_t i = 0; i < 2 && status == AKI_OK; i++) {
        bool on = false;
        status = json_field_bool(file->root, file->path, must_be_false[i], &on, error);
        if (status == AKI_OK && on)
            status = unsupported(file, must_be_false[i], "true", "false", error);
    }
    return status;
}

aki_status config_read_architecture(model_config *config, const char *folder, aki_error *error)
{
    double epsilon = 1e-12;
    folder_json file;
    aki_status status = folder_json_read(&file, folder, "config.json", JSON_OBJECT, FOLDER_REQUIRED, error);
    if (status == AKI_OK)
        status = check_kind(&file, error);
    if (status == AKI_OK)
        status = read_sizes(config, &file, error);
    if (status == AKI_OK)
        status = read_activation(config, &file, error);
    if (status == AKI_OK)
        status = json_field_number(file.root, file.path, "layer_norm_eps", 1e-30, 1, &epsilon, error);
    config->layer_norm_epsilon = (float)epsilon;
    folder_json_free(&file);
    return status;
}
